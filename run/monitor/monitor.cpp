#include "run/monitor/monitor.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/names.hpp"
#include "base/posix.hpp"
#include "run/monitor/container_log.hpp"
#include "run/monitor/monitor_state.hpp"

namespace ecrin::run {

namespace {

using namespace std::chrono;

sigset_t own_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) ::sigaddset(&set, number);
  return set;
}

pollfd watch(const Fd* fd, short events) {
  return {.fd = fd && *fd ? fd->get() : -1, .events = events, .revents = 0};
}

}  // namespace

Monitor::Monitor(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor::~Monitor() = default;

Result<Monitor> Monitor::open(MonitorOptions options, Watched watched) {
  auto state = std::make_unique<State>(std::move(options), std::move(watched),
                                       TRY(listen_for_control(*options.directory)));
  State& monitor = *state;
  if (monitor.options.log_size > 0)
    monitor.log.emplace(TRY(LogWriter::open(*monitor.options.directory, monitor.options.log_size)));
  if (monitor.options.client) {
    monitor.first = &monitor.clients.adopt(std::move(monitor.options.client));
    monitor.first->attached = true;
    monitor.first->wants_output = monitor.options.attaches;
    monitor.first->may_input = monitor.options.attaches;
  }
  return Monitor(std::move(state));
}

void Monitor::State::save() {
  ContainerTable table(*options.database);
  if (auto saved = table.set_state(options.id, state); !saved)
    log::warning("the state of container {} cannot be written: {}", short_id(options.id),
                 saved.error().message());
}

Result<> Monitor::State::start_program() {
  Stdio stdio;
  std::optional<ProgramStreams> pipes;
  if (!options.terminal) {
    using Input = ProgramStreams::Input;
    const Input input = options.input ? Input::given : options.interactive ? Input::pipe : Input::none;
    pipes.emplace(TRY(ProgramStreams::make_pipes(input, options.input, stdio)));
  }
  container.emplace(TRY(watched.start(std::move(stdio))));
  if (options.terminal) pipes.emplace(TRY(ProgramStreams::of_terminal(container->terminal())));
  streams = std::move(pipes);
  started_at = steady_clock::now();
  state.status = LifeStatus::running;
  state.started = nanoseconds_now();
  state.pid = container->pid();
  state.monitor = ::getpid();
  state.error.clear();
  state.health = options.health.args.empty() ? "" : k_starting;
  state.failing = 0;
  state.ports = watched.ports();
  if (!options.health.args.empty()) check_at = started_at + options.health.interval;
  save();
  return {};
}

// Before there is a program a signal ends the monitor at once: nobody would read it here for so long.
Result<> Monitor::State::take_signals() {
  const sigset_t set = own_signals();
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0)
    return fail(ErrorKind::system, "cannot block signals");
  signals = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return fail_errno("cannot make a signal descriptor");
  return {};
}

void Monitor::State::begin_check() {
  check_at.reset();
  if (!container || state.status != LifeStatus::running) return;
  auto started = watched.exec({{"verb", "exec"}, {"args", options.health.args}}, {}, *container);
  if (!started) return check_ended(CheckResult::failed);
  check.emplace(std::move(*started));
  check_ends_at = steady_clock::now() + options.health.timeout;
}

void Monitor::State::check_ended(CheckResult result) {
  check.reset();
  check_ends_at.reset();
  check_at = steady_clock::now() + options.health.interval;
  const ContainerState before = state;
  note_check(state, options.health, result, duration_cast<milliseconds>(steady_clock::now() - started_at));
  if (state != before) save();
}

Result<> Monitor::start() {
  State& monitor = *m_state;
  auto started = monitor.start_program();
  if (started) started = monitor.take_signals();
  if (!started) {
    monitor.container.reset();
    monitor.watched.ended();
    monitor.state = monitor.options.before;
    monitor.state.error = started.error().message();
    monitor.save();
    return started;
  }
  if (monitor.first)
    monitor.clients.answer(*monitor.first, {{"id", monitor.options.id}, {"pid", monitor.state.pid}});
  return {};
}

void Monitor::State::write_out(LogStream stream, std::string_view bytes) {
  if (log) {
    if (auto written = log->write(stream, bytes, nanoseconds_now()); !written)
      log::debug("{}", written.error().message());
  }
  clients.broadcast(stream == LogStream::output ? PacketKind::output : PacketKind::errors, bytes);
}

void Monitor::State::signal_program(int number) {
  if (container) (void)container->signal(number);
}

void Monitor::State::begin_stop(int number, milliseconds patience) {
  stopped_by_user = true;
  if (!container) return;
  // What is frozen hears nothing but SIGKILL.
  if (state.status == LifeStatus::paused && patience > milliseconds(0)) (void)unpause();
  if (state.status != LifeStatus::stopping) {
    state.status = LifeStatus::stopping;
    save();
  }
  signal_program(patience <= milliseconds(0) ? SIGKILL : number);
  kill_at = steady_clock::now() + std::max(patience, milliseconds(0));
}

Result<> Monitor::State::program_ended() {
  const ExitStatus status = TRY(container->wait());
  streams->drain([this](LogStream stream, std::string_view bytes) { write_out(stream, bytes); });
  const auto ran_for = duration_cast<milliseconds>(steady_clock::now() - started_at);
  state.out_of_memory = watched.ran_out_of_memory();
  state.exit_code = status.shell_code();
  state.finished = nanoseconds_now();
  state.pid = 0;
  container.reset();
  streams.reset();
  watched.ended();
  kill_at.reset();
  check.reset();
  check_at.reset();
  check_ends_at.reset();
  if (!stopped_by_user && restarts_after(options.restart, state.exit_code, state.restarts)) {
    delay = restart_delay(delay, ran_for);
    restart_at = steady_clock::now() + delay;
    state.status = LifeStatus::restarting;
    save();
    for (Client& client : clients.all()) {
      if (!std::exchange(client.waits_for_exit, false)) continue;
      clients.answer(client, {{"code", state.exit_code}});
    }
  }
  return {};
}

void Monitor::State::start_again() {
  restart_at.reset();
  ++state.restarts;
  if (const auto started = start_program(); !started) {
    container.reset();
    streams.reset();
    watched.ended();
    state.error = started.error().message();
    state.exit_code = 125;
    state.finished = nanoseconds_now();
    if (restarts_after(options.restart, state.exit_code, state.restarts)) {
      delay = restart_delay(delay, milliseconds(0));
      restart_at = steady_clock::now() + delay;
      state.status = LifeStatus::restarting;
    }
    save();
  }
}

int Monitor::State::poll_timeout() const {
  std::optional<steady_clock::time_point> next;
  for (const auto& time : {kill_at, restart_at, check_at, check_ends_at})
    if (time && (!next || *time < *next)) next = time;
  if (!next) return -1;
  const auto left = duration_cast<milliseconds>(*next - steady_clock::now()).count() + 1;
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

void Monitor::State::look_at_clocks() {
  const auto now = steady_clock::now();
  if (kill_at && now >= *kill_at) {
    kill_at.reset();
    signal_program(SIGKILL);
  }
  if (restart_at && now >= *restart_at) start_again();
  if (check_at && now >= *check_at) begin_check();
  if (check_ends_at && now >= *check_ends_at) {
    check_ends_at.reset();
    if (check) (void)check->signal(SIGKILL);
  }
}

void Monitor::State::hear_signals() {
  signalfd_siginfo info{};
  while (::read(signals.get(), &info, sizeof info) == sizeof info) {
    // Whoever shuts the machine or the session down.
    if (info.ssi_signo == SIGTERM) begin_stop(options.stop_signal, options.stop_timeout);
  }
}

void Monitor::State::exec_ended(ExecSession& session) {
  const auto status = session.process.wait();
  if (!session.client || session.client->is_gone) return;
  clients.send(*session.client, PacketKind::ended,
               dump_json({{"code", status ? status->shell_code() : 125}}));
}

void Monitor::State::forget_gone_clients() {
  for (ExecSession& session : execs) {
    if (!session.client || !session.client->is_gone) continue;
    session.client = nullptr;
    if (session.terminal) (void)session.process.signal(SIGHUP);  // its terminal is gone
  }
  if (first && first->is_gone) {
    first = nullptr;
    if (options.ends_with_client) {
      stopped_by_user = true;
      signal_program(SIGKILL);
    }
  }
  clients.remove_gone();
}

Result<> Monitor::State::turn() {
  std::vector<pollfd> polled;
  const bool congested = clients.is_congested();
  polled.push_back(watch(container ? &container->pidfd() : nullptr, POLLIN));
  polled.push_back(watch(&signals, POLLIN));
  polled.push_back(watch(&clients.listener(), POLLIN));
  polled.push_back(watch(streams && !congested ? &streams->output() : nullptr, POLLIN));
  polled.push_back(watch(streams && !congested ? &streams->errors() : nullptr, POLLIN));
  polled.push_back(watch(streams ? streams->blocked_input() : nullptr, POLLOUT));
  const std::size_t first_client = polled.size();
  std::vector<Client*> those;
  for (Client& client : clients.all()) {
    polled.push_back(
        watch(&client.socket, static_cast<short>(POLLIN | (client.waiting.empty() ? 0 : POLLOUT))));
    those.push_back(&client);
  }
  const std::size_t first_exec = polled.size();
  for (const ExecSession& session : execs) polled.push_back(watch(&session.process.pidfd(), POLLIN));
  const std::size_t health = polled.size();
  polled.push_back(watch(check ? &check->pidfd() : nullptr, POLLIN));
  std::size_t terminal = polled.size();
  for (const ExecSession& session : execs)
    polled.push_back(watch(session.drains ? &session.process.terminal() : nullptr, POLLIN));
  if (::poll(polled.data(), polled.size(), poll_timeout()) < 0) {
    if (errno == EINTR) return {};
    return fail_errno("cannot wait for the container");
  }
  const auto write = [this](LogStream stream, std::string_view bytes) { write_out(stream, bytes); };
  if (polled[3].revents != 0) streams->read_output(write);
  if (polled[4].revents != 0) streams->read_errors(write);
  if (polled[5].revents != 0) streams->flush_input();
  if (!streams || !streams->input_is_waiting()) acknowledge_input();
  for (std::size_t i = 0; i < those.size(); ++i) {
    const short events = polled[first_client + i].revents;
    if ((events & POLLOUT) != 0) clients.flush(*those[i]);
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) hear(*those[i]);
  }
  // Requests that were heard just now may have added some.
  for (auto session = execs.begin(); session != execs.end() && terminal < polled.size(); ++session)
    if (polled[terminal++].revents != 0) session->drain();
  std::size_t at = first_exec;
  for (auto session = execs.begin(); session != execs.end() && at < health; ++at) {
    const auto current = session++;
    if (polled[at].revents == 0) continue;
    exec_ended(*current);
    execs.erase(current);
  }
  if (check && polled[health].revents != 0) {
    const auto status = check->wait();
    check_ended(status && status->success() ? CheckResult::passed : CheckResult::failed);
  }
  if (polled[2].revents != 0) clients.accept_new();
  if (polled[1].revents != 0) hear_signals();
  look_at_clocks();
  forget_gone_clients();
  if (polled[0].revents != 0) TRY(program_ended());
  return {};
}

Result<ContainerState> Monitor::run() {
  State& monitor = *m_state;
  while (monitor.container || (monitor.restart_at && !monitor.stopped_by_user)) TRY(monitor.turn());
  monitor.state.status = LifeStatus::exited;
  monitor.save();
  return monitor.state;
}

void Monitor::tell_end(const std::string& trouble) {
  State& monitor = *m_state;
  if (!trouble.empty()) {
    monitor.state.error = trouble;
    monitor.save();
  }
  // The kernel ended them with the container.
  for (ExecSession& session : monitor.execs) monitor.exec_ended(session);
  monitor.execs.clear();
  const Json end = {
      {"code", monitor.state.exit_code}, {"outOfMemory", monitor.state.out_of_memory}, {"trouble", trouble}};
  for (Client& client : monitor.clients.all()) {
    if (client.attached) monitor.clients.send(client, PacketKind::ended, dump_json(end));
    if (client.waits_for_exit || client.waits_for_end) monitor.clients.answer(client, end);
  }
  // What they did not take yet they may take for a moment; whoever is there since the start, as long as it
  // takes: a pager may be between.
  const auto deadline = steady_clock::now() + seconds(5);
  for (;;) {
    std::vector<pollfd> polled;
    bool patient = false;
    for (Client& client : monitor.clients.all()) {
      monitor.clients.flush(client);
      if (client.waiting.empty() || client.is_gone) continue;
      polled.push_back(watch(&client.socket, POLLOUT));
      patient = patient || &client == monitor.first;
    }
    const auto left = duration_cast<milliseconds>(deadline - steady_clock::now()).count();
    if (polled.empty() || (left <= 0 && !patient)) return;
    const int timeout = patient ? -1 : static_cast<int>(left);
    if (::poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR) return;
  }
}

}  // namespace ecrin::run
