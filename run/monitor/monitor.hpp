// Monitor: the process that a container lives under. It starts the program, writes what comes out of it to
// the log and to whoever is attached, keeps the state in the table, starts the program again where the policy
// says so, and does what the verbs ask over the control socket. Its end ends the container.
//
// One loop in one thread; the caller holds the container's lock.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "base/json.hpp"
#include "run/cgroup/cgroup.hpp"
#include "run/container.hpp"
#include "run/exec.hpp"
#include "run/monitor/container_place.hpp"
#include "run/monitor/container_table.hpp"
#include "run/monitor/health_check.hpp"
#include "run/monitor/restart_policy.hpp"

namespace ecrin::run {

struct MonitorOptions {
  std::string id;
  Database* database = nullptr;
  const Fd* directory = nullptr;  // of the container
  bool terminal = false;
  bool interactive = false;    // clients may send input
  const Fd* input = nullptr;   // the program's standard input, instead of clients'
  std::uint64_t log_size = 0;  // bound of the log's file; 0: no log
  int stop_signal = 0;
  std::chrono::milliseconds stop_timeout{10'000};
  RestartPolicy restart;
  HealthCheck health;
  ContainerState before;          // what is left of a start that fails, with the error
  Fd client;                      // one that is connected already: it hears of the start, and is attached
  bool attaches = false;          // it gets the output
  bool ends_with_client = false;  // the container goes with it
};

/// What the monitor watches over, made by its caller.
struct Watched {
  /// Starts the program; again for each restart.
  std::function<Result<Container>(Stdio stdio)> start;
  /// One more program in it: the request is a client's (see monitor_requests.cpp).
  std::function<Result<ExecProcess>(const Json& request, Stdio stdio, const Container& container)> exec;
  std::function<bool()> ran_out_of_memory;
  /// The container's cgroup while it runs; the error says why it has none, and what the user can do.
  std::function<Result<const Cgroup*>()> cgroup;
  /// Other limits, for this run and the next ones: the flags of `ecrin update`. All of it, or nothing is
  /// changed.
  std::function<Result<>(const std::vector<std::string>& words)> update;
  /// One more named network, as --network has it, and one less, by its name.
  std::function<Result<>(const std::string&network, const Container&container)> connect, disconnect;
  /// Its published ports, as they were chosen.
  std::function<std::vector<PublishedPort>()> ports;
  /// All its processes are gone: what was made for it can be taken down.
  std::function<void()> ended;
};

class Monitor {
public:
  static Result<Monitor> open(MonitorOptions options, Watched watched);
  Monitor(Monitor&&) noexcept;
  ~Monitor();

  /// The first start. An error is in the table, too.
  Result<> start();
  /// Until the program ended and is not started again.
  Result<ContainerState> run();
  /// Tells those who wait for the end; when everything is tidy. `trouble`: what is not.
  void tell_end(const std::string& trouble);

private:
  struct State;
  explicit Monitor(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace ecrin::run
