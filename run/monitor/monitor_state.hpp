// What a monitor works with. Internal to run/monitor: monitor.cpp is its loop, monitor_requests.cpp what
// clients ask for, monitor_cgroup.cpp what of it is done with the container's cgroup.
#pragma once

#include <chrono>
#include <list>
#include <optional>

#include "run/monitor/container_log.hpp"
#include "run/monitor/monitor.hpp"
#include "run/monitor/monitor_clients.hpp"
#include "run/monitor/program_streams.hpp"

namespace ecrin::run {

/// A program that a client executed in the container.
struct ExecSession {
  ExecProcess process;
  Client* client;  // nullptr: gone
  bool terminal = false;
  bool drains = false;  // what it writes to its terminal is for nobody
  void drain();
};

struct Monitor::State {
  using Time = std::chrono::steady_clock::time_point;

  State(MonitorOptions given, Watched what, Fd listener)
      : options(std::move(given)), watched(std::move(what)), clients(std::move(listener)) {}

  MonitorOptions options;
  Watched watched;
  Clients clients;
  Client* first = nullptr;  // whom the monitor was made for, while it is there
  Fd signals;               // to the monitor itself
  std::optional<LogWriter> log;
  ContainerState state;
  std::optional<Container> container;  // empty: between two runs
  std::optional<ProgramStreams> streams;
  std::list<ExecSession> execs;
  std::optional<ExecProcess> check;  // of its health
  std::optional<Time> check_at, check_ends_at;
  Time started_at;
  std::chrono::milliseconds delay{0};  // before the last restart
  std::optional<Time> kill_at, restart_at;
  bool stopped_by_user = false;

  void save();
  Result<> start_program();
  Result<> take_signals();
  void write_out(LogStream stream, std::string_view bytes);
  void signal_program(int number);
  void begin_stop(int number, std::chrono::milliseconds patience);
  Result<> program_ended();
  void start_again();
  int poll_timeout() const;
  void look_at_clocks();
  void hear_signals();
  Result<> turn();

  // monitor_cgroup.cpp
  Result<> pause();
  Result<> unpause();
  Result<> update(const Json& request);
  Result<Json> usage() const;

  void exec_ended(ExecSession& session);
  void begin_check();
  void check_ended(CheckResult result);
  void forget_gone_clients();

  // monitor_requests.cpp
  void hear(Client& client);
  void acknowledge_input();
  Result<> execute(Client& client, const Json& request, std::vector<Fd> descriptors);
  void leave_execs(const Client& client);
  Result<> signal_execs(const Client& client, int number);
  Result<> obey(Client& client, const Json& request, std::vector<Fd> descriptors);
};

}  // namespace ecrin::run
