#include "cli/containers/monitor_process.hpp"
#include "cli/container_root.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/signal_names.hpp"
#include "cli/containers/create.hpp"
#include "cli/containers/launch.hpp"
#include "cli/interrupt.hpp"
#include "cli/standard_streams.hpp"
#include "cli/table.hpp"
#include "run/monitor/control.hpp"
#include "run/monitor/monitor.hpp"

namespace ecrin::cli {
namespace {

using run::PacketKind;

int exit_code_of(const Failure& failure) {
  return Interrupts::signal() == 0 ? failure.exit_code : 128 + Interrupts::signal();
}

// Nothing of the parent is left: neither what it has open nor what it waits for.
Result<Fd> keep_only(Fd socket) {
  constexpr int k_number = 3;
  if (socket.get() != k_number) {
    if (::dup3(socket.get(), k_number, O_CLOEXEC) < 0) return fail_errno("cannot duplicate a descriptor");
    (void)socket.release();
  }
  if (::close_range(k_number + 1, ~0U, 0) != 0) return fail_errno("cannot close descriptors");
  return Fd(k_number);
}

[[noreturn]] void be_child(Session& parent, const Companion& companion, const MonitorWork& work, Fd socket,
                           pid_t parent_pid) {
  // Until the container runs it is nothing without its parent.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (::getppid() != parent_pid) ::_exit(128 + SIGTERM);
  auto kept = keep_only(std::move(socket));
  if (!kept) ::_exit(125);
  Outcome outcome = [&]() -> Outcome {
    Session session = parent.anew();
    Fd client = TRY(kept->duplicate());
    return work(session, companion, std::move(client));
  }();
  parent.console().clear();
  if (!outcome) {
    const std::string failure = run::encode_failure(outcome.error().error, exit_code_of(outcome.error()));
    // A monitor has made the socket one that does not block; the little that was sent before was read.
    (void)run::send_control(*kept, PacketKind::error, failure);
  }
  ::fflush(nullptr);
  ::_exit(outcome ? 0 : 1);
}

// Does what is typed at the terminal reach it by itself? Until its container is made it may ask there for a
// password; then it leaves.
bool shares_terminal(const Child& child) {
  return ::getpgid(child.pid()) == ::getpgrp();
}

// The signals of a user who does not want to wait; all of them go to the program when there is one.
class EarlySignals {
public:
  void pass_on(const SignalQueue& signals, const Child& child) {
    while (const int number = signals.next()) {
      if (number == SIGWINCH) continue;
      m_numbers.push_back(number);
      const bool is_typed = number == SIGINT || number == SIGQUIT;
      const bool ends = is_typed ? !shares_terminal(child) : number == SIGTERM || number == SIGHUP;
      if (ends) (void)::kill(child.pid(), number);
    }
  }
  Result<> deliver(const Fd& socket) {
    for (const int number : m_numbers)
      TRY(run::send_control(socket, PacketKind::request,
                            dump_json({{"verb", "signal"}, {"signal", number}})));
    return {};
  }

private:
  std::vector<int> m_numbers;
};

StartOutcome wait_for_start(const Fd& socket, const SignalQueue& signals, EarlySignals& early, Child& child) {
  for (;;) {
    pollfd polled[] = {{.fd = socket.get(), .events = POLLIN, .revents = 0},
                       {.fd = signals.descriptor().get(), .events = POLLIN, .revents = 0}};
    if (::poll(polled, std::size(polled), -1) < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(Failure(Error::from_errno(errno, "cannot wait for the container's monitor")));
    }
    if (polled[1].revents != 0) early.pass_on(signals, child);
    if (polled[0].revents == 0) continue;
    auto packet = TRY(run::receive_control(socket));
    if (!packet) {
      const ExitStatus status = TRY(child.wait());
      return std::unexpected(
          Failure(Error(ErrorKind::system, "the container's monitor ended too early: " + status.to_string()),
                  status.signal != 0 ? status.shell_code() : 125));
    }
    if (packet->kind == PacketKind::error) {
      auto [error, code] = run::decode_failure(packet->payload);
      (void)child.wait();  // it tidies up
      return std::unexpected(Failure(std::move(error), code == 0 ? 125 : code));
    }
    constexpr std::string_view k_what = "the start of a container";
    const Json json = TRY(parse_json(packet->payload, k_what));
    return StartedContainer{.id = TRY(json_string(json, "id", k_what)).value_or(""), .end = {}};
  }
}

Result<> leave_standard_streams() {
  const Fd null = TRY(posix::open("/dev/null", O_RDWR));
  for (int number = 0; number < 3; ++number)
    if (::dup2(null.get(), number) < 0) return fail_errno("cannot leave the standard streams");
  return {};
}

// A pipe or file of the user's is the program's own: two readers would take turns with it.
bool gives_input_away(const Companion& companion) {
  return companion.presence != Presence::detached && companion.input && !companion.terminal &&
         ::isatty(0) == 0;
}

}  // namespace

StartSurroundings::Cgroups wanted_cgroups(const Companion& companion) {
  using Cgroups = StartSurroundings::Cgroups;
  return companion.presence == Presence::foreground ? Cgroups::for_limits : Cgroups::where_possible;
}

StartOutcome start_monitor(Session& session, const Companion& companion, const MonitorWork& work) {
  SocketPair sockets = TRY(SocketPair::create(SOCK_SEQPACKET));
  TRY(finish_output());
  session.close_store();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0)
    return std::unexpected(Failure(Error::from_errno(errno, "cannot start a container's monitor")));
  if (pid == 0) be_child(session, companion, work, std::move(sockets.theirs), parent);
  Child child = Child::adopt(pid, Fd());
  sockets.theirs.reset();
  const Fd& socket = sockets.ours;
  const SignalQueue signals = TRY(SignalQueue::open());
  EarlySignals early;
  StartedContainer started = TRY(wait_for_start(socket, signals, early, child));
  child.detach();
  if (companion.presence == Presence::detached) return started;
  TRY(early.deliver(socket));
  const bool terminal = companion.terminal;
  started.end = TRY(attend_container(socket, signals,
                                     {.terminal = terminal,
                                      .input = companion.input && !gives_input_away(companion),
                                      .signals = companion.signals,
                                      .detach_keys = companion.detach_keys}));
  return started;
}

Outcome monitor_container(Session& session, const Companion& companion, Fd client,
                          const MonitoredContainer& container) {
  const ContainerRequest& request = container.request;
  const run::StoredContainer& record = container.record;
  build::Workshop& workshop = *TRY(session.workshop());
  ::setsid();
  const bool present = companion.presence != Presence::detached;
  Fd input;
  if (gives_input_away(companion)) input = TRY(standard_stream(0));
  std::string signal = container.image.stop_signal;
  if (signal.empty() && boots_systemd(request, container.image)) signal = k_halt_signal;
  const int image_signal = signal.empty() ? SIGTERM : parse_signal(signal).value_or(SIGTERM);
  Launch launch(session, workshop, record, request, container.image, container.place, container.surroundings);
  run::MonitorOptions options{.id = record.id,
                              .database = &workshop.store().database(),
                              .directory = &container.place.directory(),
                              .terminal = request.terminal,
                              .interactive = request.interactive,
                              .input = input ? &input : nullptr,
                              .log_size = request.life.log_size,
                              .stop_signal = request.life.stop_signal.value_or(image_signal),
                              .stop_timeout = request.life.stop_timeout,
                              .restart = request.life.restart,
                              .health = health_check(request.life, container.image),
                              .before = record.state,
                              .client = std::move(client),
                              .attaches = present,
                              .ends_with_client = companion.presence == Presence::foreground};
  run::Monitor monitor = TRY(run::Monitor::open(
      std::move(options),
      {.start = [&](run::Stdio stdio) { return launch.start(std::move(stdio)); },
       .exec = [&](const Json& asked, run::Stdio stdio,
                   const run::Container& in) { return launch.exec(asked, std::move(stdio), in); },
       .ran_out_of_memory = [&] { return launch.ran_out_of_memory(); },
       .cgroup = [&] { return launch.cgroup(); },
       .update = [&](const std::vector<std::string>& words) { return launch.update(words); },
       .connect = [&](const std::string& network,
                      const run::Container& in) { return launch.connect(network, in); },
       .disconnect = [&](const std::string& network,
                         const run::Container& in) { return launch.disconnect(network, in); },
       .ports = [&] { return launch.ports(); },
       .ended = [&] { launch.ended(); }}));
  const auto remove = [&]() -> std::string {
    if (!request.life.remove) return "";
    const auto removed = remove_container(workshop.store(), record.id);
    return removed ? "" : "the container cannot be removed: " + removed.error().message();
  };
  // From the moment on that the parent hears of the start it may leave.
  ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
  if (auto started = monitor.start(); !started) {
    const int code = exit_code_of_start(started.error());
    if (const std::string trouble = remove(); !trouble.empty()) log::warning("{}", trouble);
    return std::unexpected(Failure(std::move(started).error(), code));
  }
  TRY(leave_standard_streams());
  // While the program is at work: a log that has become long is read by every command that follows.
  workshop.store().database().shorten_log();
  const auto state = monitor.run();
  std::string trouble = remove();
  if (trouble.empty()) trouble = launch.trouble();
  if (!state) return std::unexpected(state.error());
  // What this process held, volumes and its place for temporary files, is free before anybody hears of the
  // end.
  if (trouble.empty()) session.close_store();
  monitor.tell_end(trouble);
  return state->exit_code;
}

}  // namespace ecrin::cli
