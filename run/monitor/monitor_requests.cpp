#include <signal.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/names.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/monitor/monitor_state.hpp"
#include "run/monitor/process_list.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_what = "a request to a container's monitor";
constexpr std::size_t k_most_execs = 1024;
constexpr std::int64_t k_longest_wait = 1'000'000'000;  // milliseconds

Result<int> signal_number(const Json& request, int otherwise) {
  const auto number = TRY(json_integer(request, "signal", k_what)).value_or(otherwise);
  if (number < 1 || number > SIGRTMAX) return fail(ErrorKind::invalid, "there is no signal {}", number);
  return static_cast<int>(number);
}

Result<unsigned short> cells(const Json& request, const char* key) {
  const auto number = TRY(json_unsigned(request, key, k_what)).value_or(0);
  if (number > 0xffff) return fail(ErrorKind::invalid, "a terminal cannot be {} cells large", number);
  return static_cast<unsigned short>(number);
}

}  // namespace

Result<> Monitor::State::execute(Client& client, const Json& request, std::vector<Fd> descriptors) {
  if (!container) return fail(ErrorKind::conflict, "the container is not running");
  if (state.status == LifeStatus::paused)
    return std::unexpected(Error(ErrorKind::conflict, "the container is paused: nothing can run in it")
                               .hint(fmt::format("let it go on: ecrin unpause {}", short_id(options.id))));
  const bool terminal = TRY(json_bool(request, "terminal", k_what)).value_or(false);
  const bool detach = TRY(json_bool(request, "detach", k_what)).value_or(false);
  if (execs.size() >= k_most_execs)
    return fail(ErrorKind::limit, "{} programs were executed in the container already", k_most_execs);
  Stdio stdio;
  if (!terminal && descriptors.size() == 3) {
    stdio.input = std::move(descriptors[0]);
    stdio.output = std::move(descriptors[1]);
    stdio.error = std::move(descriptors[2]);
  }
  ExecProcess process = TRY(watched.exec(request, std::move(stdio), *container));
  ExecSession& session = execs.emplace_back(ExecSession{.process = std::move(process),
                                                        .client = detach ? nullptr : &client,
                                                        .terminal = terminal,
                                                        .drains = terminal && detach});
  const Json answer = {{"pid", session.process.pid()}};
  if (terminal && !detach) {
    clients.send_descriptor(client, answer, session.process.terminal());
  } else {
    clients.answer(client, answer);
  }
  return {};
}

Result<> Monitor::State::signal_execs(const Client& client, int number) {
  for (ExecSession& session : execs)
    if (session.client == &client) TRY(session.process.signal(number));
  return {};
}

void Monitor::State::leave_execs(const Client& client) {
  for (ExecSession& session : execs) {
    if (session.client != &client) continue;
    session.client = nullptr;
    session.drains = session.terminal;
  }
}

void ExecSession::drain() {
  std::array<std::byte, 16384> buffer;
  const auto count = posix::read_some(process.terminal(), buffer);
  if (count ? *count == 0 : count.error().code() != EAGAIN) drains = false;
}

Result<> Monitor::State::obey(Client& client, const Json& request, std::vector<Fd> descriptors) {
  const std::string verb = TRY(json_string(request, "verb", k_what)).value_or("");
  if (verb == "signal") {
    const int number = TRY(signal_number(request, SIGTERM));
    if (!container) return fail(ErrorKind::conflict, "the container is not running");
    // An end that the user wanted is not one to be started again from.
    if (number == SIGKILL || number == options.stop_signal) stopped_by_user = true;
    TRY(container->signal(number));
    clients.answer(client, Json::object());
  } else if (verb == "exec") {
    return execute(client, request, std::move(descriptors));
  } else if (verb == "signal-exec") {
    TRY(signal_execs(client, TRY(signal_number(request, SIGTERM))));
    clients.answer(client, Json::object());
  } else if (verb == "detach-exec") {
    leave_execs(client);
    clients.answer(client, Json::object());
  } else if (verb == "root") {
    if (!container) return fail(ErrorKind::conflict, "the container is not running");
    const std::string path = fmt::format("/proc/{}/root", container->pid());
    clients.send_descriptor(client, Json::object(), TRY(posix::open(path, O_PATH | O_DIRECTORY)));
  } else if (verb == "processes") {
    if (!container) return fail(ErrorKind::conflict, "the container is not running");
    clients.answer(client, processes_json(TRY(list_processes(container->pid()))));
  } else if (verb == "stop") {
    const auto patience =
        TRY(json_integer(request, "timeout", k_what)).value_or(options.stop_timeout.count());
    const int number = TRY(signal_number(request, options.stop_signal));
    if (state.status == LifeStatus::paused && patience > 0)
      return std::unexpected(
          Error(ErrorKind::conflict, "the container is paused: its program cannot stop")
              .hint(fmt::format("let it go on with 'ecrin unpause {0}', or end it with 'ecrin kill {0}'",
                                short_id(options.id))));
    client.waits_for_end = true;
    begin_stop(number, std::chrono::milliseconds(std::clamp<std::int64_t>(patience, 0, k_longest_wait)));
  } else if (verb == "pause" || verb == "unpause") {
    TRY(verb == "pause" ? pause() : unpause());
    clients.answer(client, Json::object());
  } else if (verb == "update") {
    TRY(update(request));
    clients.answer(client, Json::object());
  } else if (verb == "connect" || verb == "disconnect") {
    if (!container) return fail(ErrorKind::conflict, "the container is not running");
    const std::string network = TRY(json_string(request, "network", k_what)).value_or("");
    TRY((verb == "connect" ? watched.connect : watched.disconnect)(network, *container));
    clients.answer(client, Json::object());
  } else if (verb == "usage") {
    clients.answer(client, TRY(usage()));
  } else if (verb == "wait") {
    client.waits_for_exit = true;
  } else if (verb == "attach") {
    client.attached = true;
    client.wants_output = TRY(json_bool(request, "output", k_what)).value_or(true);
    client.may_input = TRY(json_bool(request, "input", k_what)).value_or(false);
    clients.answer(client, {{"terminal", options.terminal}});
  } else if (verb == "detach") {
    client.attached = false;
    if (&client == first) options.ends_with_client = false;
    clients.answer(client, Json::object());
  } else if (verb == "close") {
    // The reader of a foreground container has gone: its program shall know, as with a pipe between the two.
    using Which = ProgramStreams::Which;
    const std::string stream = TRY(json_string(request, "stream", k_what)).value_or("");
    if (streams && &client == first && options.ends_with_client)
      streams->close(stream == "errors" ? Which::errors : Which::output);
    clients.answer(client, Json::object());
  } else if (verb == "resize") {
    winsize size{};
    size.ws_row = TRY(cells(request, "height"));
    size.ws_col = TRY(cells(request, "width"));
    const Fd* terminal = streams ? streams->terminal() : nullptr;
    if (terminal && size.ws_col != 0) ::ioctl(terminal->get(), TIOCSWINSZ, &size);
    clients.answer(client, Json::object());
  } else {
    return fail(ErrorKind::unsupported, "a container's monitor of this version does not know '{}'",
                printable(verb, 100));
  }
  return {};
}

void Monitor::State::hear(Client& client) {
  while (!client.is_gone) {
    auto packet = receive_control(client.socket);
    if (!packet && packet.error().code() == EAGAIN) return;
    if (!packet || !*packet) {
      client.is_gone = true;
      return;
    }
    Packet& heard = **packet;
    if (heard.kind == PacketKind::input) {
      if (!client.may_input || client.input_unacknowledged) {
        client.is_gone = true;  // one that keeps to the rules waits
        return;
      }
      client.input_unacknowledged = true;
      if (streams) streams->write_input(heard.payload);
      if (!streams || !streams->input_is_waiting()) acknowledge_input();
      continue;
    }
    if (heard.kind != PacketKind::request) {
      client.is_gone = true;
      return;
    }
    const auto done = [&]() -> Result<> {
      const Json request = TRY(parse_json(heard.payload, k_what));
      return obey(client, request, std::move(heard.descriptors));
    }();
    if (!done) clients.refuse(client, done.error());
  }
}

void Monitor::State::acknowledge_input() {
  for (Client& client : clients.all())
    if (std::exchange(client.input_unacknowledged, false)) clients.send(client, PacketKind::input, "");
}

}  // namespace ecrin::run
