// One more process in a container that runs: the stage enters the namespaces of the container's first process
// and becomes the program there. It is started from a sealed copy, holds nothing of the host but what it is
// given, and cannot be looked into or traced by the container's processes before the program is executed.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/child.hpp"
#include "oci/runtime_config.hpp"
#include "run/container.hpp"

namespace ecrin::run {

struct ExecOptions {
  pid_t target = -1;  // the container's first process, as this process sees it
  Fd target_pidfd;    // of it, when there is one: a pid that was given to another process is then noticed
  /// The state directory of a container that waits to be started: its gate helps where /proc does not.
  const Fd* gate = nullptr;
  /// Of a container without namespaces (Container::plain_root): then only this is entered.
  std::string plain_root;
  oci::RuntimeProcess process;
  Stdio stdio;
  unsigned preserved_descriptors = 0;  // as in ContainerOptions
  std::string console_socket;          // as in ContainerOptions
  std::vector<Fd> cgroup_entries;      // as in ContainerOptions: of the container's cgroups
  std::string seccomp;                 // the compiled filter (seccomp.hpp); "" = unconfined
  std::uint64_t seccomp_flags = 0;     // SECCOMP_FILTER_FLAG_*
  /// With NEW_LISTENER: the config that names who answers, and the container's state for it.
  std::optional<oci::SeccompConfig> agent;
  StateText state;
  std::optional<oci::Personality> personality;
  std::shared_ptr<OwnerSupervisor> owners;  // the container's
  bool detached = false;                    // it lives on when this process ends
};

/// A program that was executed in a container.
class ExecProcess {
public:
  /// Returns when the program was executed; errors as those of Container::start.
  static Result<ExecProcess> start(ExecOptions options);
  ExecProcess(ExecProcess&&) noexcept;
  ExecProcess& operator=(ExecProcess&&) noexcept;
  ~ExecProcess();  // kills and waits, unless detached

  pid_t pid() const;
  const Fd& pidfd() const;
  /// With process.terminal and no console socket: the master end.
  const Fd& terminal() const;
  Result<> signal(int number);
  Result<ExitStatus> wait();
  void detach();

private:
  struct State;
  explicit ExecProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace ecrin::run
