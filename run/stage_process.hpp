// The stage as its parent sees it: started with a plan, followed until the program was executed or something
// failed. What a container and a program that is executed in one have in common.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/child.hpp"
#include "base/fd.hpp"
#include "run/container.hpp"
#include "run/plan/setup_op.hpp"

namespace ecrin::run {

/// Descriptors for the stage lie above the numbers that others get there: 0, 1, 2, the plan's and those that
/// are the program's.
Result<Fd> move_above(Fd fd, unsigned preserved_descriptors);

struct StageRequest {
  SetupPlan plan;                            // control, lifeline and preserved descriptors are filled in
  std::uint64_t clone_namespaces = 0;        // CLONE_NEW*
  const Fd* network_namespace = nullptr;     // to join
  const std::vector<Fd>* cgroups = nullptr;  // cgroup.procs files to enter
  std::vector<Fd> handed_down;               // by hand_down(): named by the plan
  Stdio stdio;
  unsigned preserved_descriptors = 0;
  bool detached = false;

  /// The stage gets it too; its number there.
  Result<int> hand_down(Fd fd);
};

class StageProcess {
public:
  /// Answers for what the stage cannot do by itself.
  struct Answers {
    std::function<Result<>(pid_t)> write_maps;           // of its new user namespace
    std::function<Result<HookStates>(pid_t)> run_hooks;  // all is prepared
  };
  enum class Reached { gate, execution };

  StageProcess() = default;
  StageProcess(StageProcess&&) noexcept = default;
  StageProcess& operator=(StageProcess&&) noexcept = default;
  ~StageProcess();  // ends it, as kill(), and waits

  static Result<StageProcess> spawn(StageRequest request);
  Result<Reached> follow(const Answers& answers);

  /// SIGKILL, also to those that it started.
  Result<> kill();

  Child& child() { return m_child; }
  const Child& child() const { return m_child; }
  Fd& terminal() { return m_terminal; }
  const std::string& terminal_name() const { return m_terminal_name; }
  std::vector<std::string>& created_mount_points() { return m_created; }
  bool shows_host_proc() const { return m_shows_host_proc; }

private:
  Result<> adopt(const std::string& pid);

  Child m_child;
  Fd m_control;
  Fd m_lifeline;               // its closing, also by our death, ends the program
  bool m_ends_others = false;  // when the lifeline is closed: no pid namespace ends them with it
  Fd m_terminal;
  std::string m_terminal_name;
  std::vector<std::string> m_created;
  bool m_shows_host_proc = false;
};

}  // namespace ecrin::run
