// What making a container's cgroup and using it share. For cgroup_container*.cpp.
#pragma once

#include <string>
#include <vector>

#include "base/child.hpp"
#include "oci/resources.hpp"
#include "run/cgroup/cgroup_files.hpp"
#include "run/cgroup/cgroup_settings.hpp"
#include "run/cgroup/cgroup_state.hpp"

namespace ecrin::run {

/// For a container without a cgroup (0) as for version 2: does it ask for anything?
Result<std::vector<CgroupSetting>> settings_of(int version, const oci::Resources& resources);

/// What is written to a container's cgroup for its limits, all of which can be had.
struct PlannedLimits {
  std::vector<CgroupSetting> settings;
  std::vector<CgroupWrite> writes;
  std::string devices;                 // the directory that takes rules for devices; "": none are set
  std::vector<oci::DeviceRule> rules;  // complete
};
/// Nothing is written.
Result<PlannedLimits> plan_limits(const CgroupState& state, const oci::Resources& resources);
/// Into the files of the cgroup and, for devices, the kernel.
Result<> write_limits(const CgroupState& state, PlannedLimits limits);

/// Moves this process to where it may move others from into this cgroup (version 2): an ordinary user's that
/// is in a cgroup of root's, into a scope of the user's manager. Nothing when it may already, or when there
/// is none.
Result<> come_within_reach(const CgroupState& state, const std::string& directory);

/// May this process move processes from one cgroup to the other (version 2)?
bool can_move_processes(const std::string& from, const std::string& to);

/// The directory above, when it is the "ecrin" that is made where no path is asked for, and has nothing
/// below.
void remove_default_parent(const std::string& directory);

/// Ends the unit, so that it does not stay as a failed one.
void forget_unit(const CgroupState& state);

/// A process that does nothing, to be the first in a new scope of systemd's.
Result<Child> start_keeper();

}  // namespace ecrin::run
