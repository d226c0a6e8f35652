// verb: exec
#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/container_request.hpp"
#include "cli/container_root.hpp"
#include "cli/containers/attachment.hpp"
#include "cli/containers/exec_request.hpp"
#include "cli/containers/selection.hpp"
#include "cli/registry_options.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

Failure refusal(std::string_view payload) {
  Error error = run::decode_failure(payload).first;
  const int code = exit_code_of_start(error);
  return Failure(std::move(error), code);
}

// The program has ended when the monitor says so.
Outcome hear_end(const Fd& socket) {
  for (;;) {
    auto packet = TRY(run::receive_control(socket));
    if (!packet)
      return std::unexpected(
          Failure(Error(ErrorKind::system, "the container ended, and the program with it"), 137));
    if (packet->kind == run::PacketKind::error) {
      return std::unexpected(refusal(packet->payload));
    }
    if (packet->kind != run::PacketKind::ended) continue;  // answers to signals
    const Json json = TRY(parse_json(packet->payload, "the end of a program"));
    return static_cast<int>(TRY(json_integer(json, "code", "the end of a program")).value_or(125));
  }
}

// As Failure has it: what the monitor refuses has an exit code of its own.
std::expected<Fd, Failure> start_program(const Fd& socket, const ExecRequest& request,
                                         const std::vector<const Fd*>& streams) {
  TRY(run::send_control(socket, run::PacketKind::request, dump_json(encode_exec_request(request)), streams));
  auto packet = TRY(run::receive_control(socket));
  if (!packet) return std::unexpected(Failure(Error(ErrorKind::system, "the container ended")));
  if (packet->kind == run::PacketKind::error) {
    return std::unexpected(refusal(packet->payload));
  }
  return packet->descriptors.empty() ? Fd() : std::move(packet->descriptors.front());
}

Outcome execute(Session&, Containers& containers, const run::StoredContainer& record,
                const ExecRequest& request, bool interactive, const std::string& detach_keys) {
  const Fd socket = TRY(containers.connect(record));
  const SignalQueue signals = TRY(SignalQueue::open());
  Fd input = TRY(interactive ? standard_stream(0) : posix::open("/dev/null", O_RDONLY));
  const Fd output = TRY(standard_stream(1));
  const Fd errors = TRY(standard_stream(2));
  std::vector<const Fd*> streams;
  if (!request.terminal && !request.detach) streams = {&input, &output, &errors};
  const Fd terminal = TRY(start_program(socket, request, streams));
  if (request.detach) return 0;
  input.reset();
  const auto signal = [&](int number) {
    (void)run::send_control(socket, run::PacketKind::request,
                            dump_json({{"verb", "signal-exec"}, {"signal", number}}));
  };
  DetachFilter keys(request.terminal ? detach_keys : "");
  const auto detaches = [&keys](std::string& typed) {
    bool detached = false;
    typed = keys.pass(typed, detached);
    return detached;
  };
  const Attended attended{.ended = socket,
                          .terminal = request.terminal ? &terminal : nullptr,
                          .signal = signal,
                          .is_end = [&] { return run::waiting_packet(socket) != run::PacketKind::answer; },
                          .detaches = detaches};
  if (TRY(attend(attended, signals, interactive ? Input::standard : Input::none)) == Leave::detached) {
    // It may have ended meanwhile.
    (void)run::ask(socket, {{"verb", "detach-exec"}});
    return 0;
  }
  return hear_end(socket);
}

Outcome run(Session& session, const Arguments& arguments) {
  std::span<const std::string> words = arguments.operands();
  Containers containers = TRY(Containers::open(session));
  const run::StoredContainer record = TRY(latest_or_first(containers, arguments, words));
  if (words.empty()) return std::unexpected(Error(ErrorKind::invalid, "there is no command to execute"));
  std::vector<std::string> env = TRY(requested_variables(arguments, session.environment()));
  ExecRequest request{.args = {words.begin(), words.end()},
                      .env = std::move(env),
                      .user = arguments.find("user"),
                      .workdir = arguments.find("workdir"),
                      .terminal = arguments.on("tty"),
                      .privileged = arguments.on("privileged"),
                      .detach = arguments.on("detach")};
  if (request.terminal) request.size = terminal_size(TRY(standard_stream(1)));
  const std::string keys = TRY(parse_detach_keys(arguments.value("detach-keys", "ctrl-p,ctrl-q")));
  return execute(session, containers, record, request, arguments.on("interactive"), keys);
}

}  // namespace

const Verb& exec_verb() {
  static const Verb verb{
      .name = "exec",
      .operands = "CONTAINER COMMAND [ARG...]",
      .summary = "Run one more program in a running container",
      .details =
          "With the environment, user and limits of the container. The exit code is the program's, 126 or "
          "127 "
          "when it cannot be executed or found, 125 when ecrin fails. Flags end at CONTAINER.",
      .flags = with_flags(
          {
              {.name = "detach", .letter = 'd', .value = "", .help = "leave the program in the background"},
              {.name = "detach-keys",
               .value = "KEYS",
               .help = "what to type at its terminal to leave it running (default ctrl-p,ctrl-q)"},
              {.name = "interactive", .letter = 'i', .value = "", .help = "give the program standard input"},
              {.name = "latest",
               .letter = 'l',
               .value = "",
               .help = "in the container that was made last; there is no CONTAINER then"},
              {.name = "privileged", .value = "", .help = "with all capabilities, and no system call filter"},
              {.name = "tty", .letter = 't', .value = "", .help = "give the program a terminal"},
              {.name = "user",
               .letter = 'u',
               .value = "USER[:GROUP]",
               .help = "who runs the program: names or numbers"},
              {.name = "workdir", .letter = 'w', .value = "PATH", .help = "the program's working directory"},
          },
          variable_flags()),
      .order = Order::flags_first,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
