// The cgroup of a container of the OCI runtime: at config.json's linux.cgroupsPath, in cgroup version 1 (a
// directory in each hierarchy), version 2, or the hybrid layout (the controllers in version 1, a version 2
// without any beside it); or a scope of systemd's. It lives until it is removed: commands of other processes
// find it again by its state.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/child.hpp"
#include "base/fd.hpp"
#include "oci/resources.hpp"
#include "run/cgroup/cgroup_facts.hpp"
#include "run/cgroup/cgroup_state.hpp"
#include "run/cgroup/cgroup_statistics.hpp"

namespace ecrin::run {

struct CgroupRequest {
  std::string container_id;
  // Absolute: from where cgroups are mounted; relative: below our own cgroup; "": /ecrin/ID, or ecrin/ID
  // below our own cgroup for one without privileges. With `systemd`: "slice:prefix:name", or "" for "ecrin"
  // and the ID in the usual slice.
  std::string cgroups_path;
  bool systemd = false;
  std::vector<std::string> buses;  // addresses of service managers, the best one first (systemd_scope.hpp)
  // Without privileges outside of our user namespace: one that cannot make a cgroup and was asked for no
  // limits and no path goes on without. None: found out.
  std::optional<bool> rootless;
  oci::Resources resources;
};

class ContainerCgroup {
public:
  /// Of a container without a cgroup.
  ContainerCgroup() = default;
  /// `keeper`: the first process of a scope of systemd's that was made just now.
  explicit ContainerCgroup(CgroupState state, Child keeper = Child())
      : m_state(std::move(state)), m_keeper(std::move(keeper)) {}

  bool exists() const { return m_state.version != 0; }
  const CgroupState& state() const { return m_state; }
  /// One of its directories, for people; "" when there is none.
  std::string directory() const;

  /// The files that a process joins by: it writes "0" to each, before it makes its cgroup namespace. Empty
  /// without a cgroup. `beside`: a process of the container; a cgroup that handed its controllers on to
  /// cgroups that the container made takes no processes itself, so one that comes later goes where this
  /// process is. An ordinary user's process that is in no cgroup of the user's manager is moved to one first:
  /// the kernel lets nobody move processes out of a foreign cgroup.
  Result<std::vector<Fd>> processes(pid_t beside = 0) const;
  /// To be called when the first process has joined, or has failed to: a scope of systemd's that was made
  /// before its first process is kept by a process of ours till then.
  void occupied() { m_keeper = Child(); }
  /// Makes these users the ones who may make cgroups below (version 2: the root of a container with a cgroup
  /// namespace and a writable mount of it). Nothing in version 1.
  Result<> give_to(uid_t user, gid_t group) const;

  /// Sets what is named in `resources` and leaves all else. All of it can be had, or nothing is written.
  Result<> apply(const oci::Resources& resources) const;

  Result<> freeze() const;  // waits until all are
  Result<> thaw() const;
  Result<bool> frozen() const;
  /// Into the container's own freezer of version 1, thawed: for a killed process that another one holds.
  void take_back(pid_t process) const;
  /// All processes in it and in cgroups below, as this pid namespace numbers them, sorted.
  Result<std::vector<pid_t>> pids() const;
  /// A signal to each of them. SIGKILL reaches also those that are made meanwhile, and frozen ones.
  Result<> signal(int number) const;
  Result<> kill() const { return signal(9); }
  /// With all that the container made below. It waits for processes that were killed to go. Nothing when it
  /// is gone already.
  Result<> remove() const;

  CgroupStatistics statistics() const;
  /// How many of its processes the kernel has killed because no memory was left.
  std::uint64_t out_of_memory_kills() const;

private:
  CgroupState m_state;
  Child m_keeper;
};

/// An empty cgroup with these limits. ErrorKind::conflict: there is one with processes in it. What cannot be
/// honoured is an error that names the property, and nothing is left then.
Result<ContainerCgroup> create_container_cgroup(const CgroupRequest& request,
                                                const CgroupFacts& facts = read_cgroup_facts());

}  // namespace ecrin::run
