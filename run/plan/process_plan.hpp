// From a RuntimeProcess and the facts of this host to what the stage does for the program. Pure, but for
// warnings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fs/id_map.hpp"
#include "oci/runtime_config.hpp"
#include "run/cgroup/cgroup_hierarchies.hpp"
#include "run/plan/outer_container.hpp"
#include "run/plan/setup_op.hpp"

namespace ecrin::run {

/// What a plan must know about the user namespace that it will be performed in, and about the host.
struct PlanFacts {
  fs::IdMap uids;
  fs::IdMap gids;
  bool set_groups = true;                         // /proc/self/setgroups says "allow"
  CapabilitySet capabilities = ~CapabilitySet{};  // that the kernel has
  bool apparmor = false;                          // it is switched on
  bool selinux = false;
  OuterContainer outer = OuterContainer::none;
  bool leaves_out_groups = true;  // that are not mapped: names in an image's /etc/group; else an error
  std::vector<MountedHierarchy> cgroups;  // when the config mounts them (read_cgroup_hierarchies)
};

/// Fails for what cannot be done here: ids that are not mapped, unknown names of capabilities, limits,
/// scheduling classes, sets that do not fit together, a profile that nothing here enforces.
Result<ProcessPlan> make_process_plan(const oci::RuntimeProcess& process, const PlanFacts& facts);

/// personality(2)
Result<std::uint64_t> parse_personality(const oci::Personality& personality);
/// "RLIMIT_NOFILE" to its number.
Result<int> parse_resource_name(const std::string& name);
/// The part of a process plan that has the sets; names that this kernel lacks are left out with a warning.
Result<CapabilitySets> parse_capability_sets(const oci::Capabilities& names, CapabilitySet kernel);
/// "0-3,7" to a mask for sched_setaffinity(2); "" stays empty.
Result<std::string> parse_processor_list(const std::string& list);
Result<SchedulerPlan> parse_scheduler(const oci::Scheduler& scheduler);
Result<int> parse_io_priority(const oci::IoPriority& priority);

bool id_mapped(const fs::IdMap& map, std::uint32_t id);

}  // namespace ecrin::run
