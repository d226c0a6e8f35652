// One container: from a RuntimeConfig and a root directory to an exit status.
//
// start() makes a plan (setup_plan.hpp), spawns the stage (a tiny static program, run from a sealed copy) in
// new namespaces, hands it the plan over a socket, and returns when the container's program was executed, or
// with the error that the stage met. Pid 1 is the stage itself (it reaps and forwards signals), or the
// program when `init` is off.
//
// create() does the same up to the program: the stage then waits at a gate (gate.hpp), which another process
// may open later.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/child.hpp"
#include "oci/runtime_config.hpp"
#include "run/cgroup/cgroup.hpp"
#include "run/hooks.hpp"
#include "run/network/network.hpp"

namespace ecrin::run {

class OwnerSupervisor;  // run/owners/owner_supervisor.hpp

struct Stdio {
  // Descriptors for the program; empty ones are /dev/null. Not used with a terminal.
  Fd input, output, error;
  bool inherited = false;  // instead: this process's own 0, 1 and 2
};

struct ContainerOptions {
  oci::RuntimeConfig config;
  std::string rootfs;  // absolute path of the root directory, as seen by this process
  NetworkMode network = NetworkMode::none;
  /// A network namespace to join instead of making one (see network.hpp: a pool of them serves a build's
  /// steps).
  const Fd* network_namespace = nullptr;
  /// Where its cgroup is made; needed when config.resources asks for limits.
  std::shared_ptr<CgroupPlace> cgroups;
  bool init = true;
  /// Relative sources of bind mounts are below it; "": there are none.
  std::string bundle;
  /// Moves the root directory over the host's where pivot_root(2) shall not be used.
  bool no_pivot = false;
  /// A directory of ours in which compiled filters of config.seccomp are kept; "": nowhere.
  std::string seccomp_cache;
  Stdio stdio;
  /// Made by the tool in the tree: text files that are bind-mounted over the image's (/etc/resolv.conf,
  /// /etc/hosts, /etc/hostname).
  std::vector<std::pair<std::string, std::string>> managed_files;  // path in the container, content
  /// It lives on when this process ends. Container::detach() lets go of it.
  bool detached = false;
  /// So many descriptors of this process, from 3 on, are the program's too, with the same numbers.
  unsigned preserved_descriptors = 0;
  /// It has a session keyring of its own; else the caller's.
  bool new_keyring = true;
  /// With config.process.terminal: the path of a listening socket that gets the master end, instead of
  /// terminal() (see console_socket.hpp).
  std::string console_socket;
  /// cgroup.procs files (version 1 has several hierarchies) of cgroups that the caller made and keeps: the
  /// first process enters them before it makes its namespaces.
  std::vector<Fd> cgroup_entries;
  /// The state that hooks read; needed when config.hooks has any that run before the program.
  StateText state;
  /// Where nothing can be mounted sources of bind mounts may be copied, and kept_sources take over what was
  /// written to the copy. Else mounts are refused there.
  bool copies_binds = false;
  std::set<std::string> kept_sources;
  /// Where newuidmap and newgidmap are looked for, when config asks for a user namespace that this process
  /// may not map by itself.
  std::string search_path = Command{}.search_path;
};

class Container {
public:
  /// Errors of the kinds program_not_found and program_not_executable are about the program itself; all other
  /// kinds are failures before it.
  static Result<Container> start(ContainerOptions options);
  /// Everything but the program's execution, for which open_gate(state_directory) is needed. A program that
  /// cannot be executed is an error here already, with the kinds as above. `options.network` is not used: the
  /// config's namespaces say it.
  static Result<Container> create(ContainerOptions options, const Fd& state_directory);
  Container(Container&&) noexcept;
  ~Container();  // kills and waits

  /// pid 1 in our pid namespace.
  pid_t pid() const;
  /// With config.process.terminal: the master end of the container's terminal.
  const Fd& terminal() const;
  Result<> signal(int number);  // to the program (through pid 1)
  Result<ExitStatus> wait();
  /// How many of its processes were killed because its limit of memory was reached; also after the end.
  std::uint64_t out_of_memory_kills() const;
  /// A descriptor that becomes readable when the container has ended.
  const Fd& pidfd() const;
  /// Who keeps the owners of its files, where that is needed (owner_supervisor.hpp): for programs that are
  /// executed in it later.
  const std::shared_ptr<OwnerSupervisor>& owners() const;
  /// Mount points that did not exist in the rootfs and were made by the stage (paths without leading slash).
  const std::vector<std::string>& created_mount_points() const;
  /// Its root directory where it has no namespaces; else "".
  const std::string& plain_root() const;
  /// What it had to be made without in this place, for people. A runtime of others fails instead.
  const std::vector<std::string>& lacks() const;
  /// Lets a detached container live on without this value; its pid stays readable.
  void detach();

private:
  struct State;
  explicit Container(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace ecrin::run
