// A container's cgroup, and the place where a process of ours makes them.
//
// A place is opened when a limit is asked for, and for containers that can be paused and given limits later.
// It is, in this order:
//   1. a scope of the user's systemd, which is asked for over D-Bus;
//   2. the cgroup of this process, when it is ours alone and can be written to: this process moves to a leaf
//   of
//      it, because a cgroup with controllers for its children may hold no processes itself;
//   3. the cgroup above it, when that one can be written to.
// Where there is none, or it lacks a controller, opening fails with the reason and the fix; nothing was
// started then.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "oci/resources.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/cgroup/cgroup_facts.hpp"

namespace ecrin::run {

/// Removed when it goes, with all processes that are still in it.
class Cgroup {
public:
  Cgroup(Cgroup&& other) noexcept : m_container(std::exchange(other.m_container, {})) {}
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup();

  /// cgroup.procs, to be written to by the process that joins.
  Result<Fd> processes() const;
  /// How many of its processes the kernel has killed because no memory was left; 0 without a limit of memory.
  std::uint64_t out_of_memory_kills() const { return m_container.out_of_memory_kills(); }
  /// What can be done with it and read from it while the container runs.
  const ContainerCgroup& container() const { return m_container; }
  /// Other limits: those that are named, `k_unlimited` for none; all else stays.
  Result<> limit(const oci::Resources& resources) const;

private:
  friend class CgroupPlace;
  explicit Cgroup(CgroupState state) : m_container(std::move(state)) {}
  ContainerCgroup m_container;
};

class CgroupPlace {
public:
  /// `buses`: addresses of service managers, the best one first (systemd_scope.hpp). Moves this process, so
  /// it comes before processes of ours that shall be in the same cgroup.
  static Result<std::shared_ptr<CgroupPlace>> open(const oci::Resources& resources,
                                                   const std::vector<std::string>& buses);
  CgroupPlace(const CgroupPlace&) = delete;
  CgroupPlace& operator=(const CgroupPlace&) = delete;
  /// Leaves the cgroup as it was found.
  ~CgroupPlace();

  /// An empty cgroup with these limits. May be called by several threads.
  Result<Cgroup> create(const oci::Resources& resources);

private:
  CgroupPlace() = default;

  std::string m_directory;  // containers' cgroups are made here
  // Where this process moved to and has to come back from: a scope of systemd's goes with its last process,
  // so nobody comes back from there.
  std::string m_leaf;
  std::vector<std::string> m_enabled;  // controllers that we switched on for the children
  std::atomic<unsigned> m_made{0};
};

/// Removes what killed processes of ours left in this directory: cgroups of our names without processes.
/// Before this process makes some.
void sweep_cgroups(const std::string& directory);

}  // namespace ecrin::run
