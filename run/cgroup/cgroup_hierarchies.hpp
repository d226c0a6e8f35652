// The hierarchies of control groups that a container's mounts show, version 1 and 2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oci/runtime_config.hpp"

namespace ecrin::run {

/// One hierarchy, as this process sees it.
struct MountedHierarchy {
  std::string key;    // as in /proc/self/cgroup: "cpu,cpuacct", "name=systemd"; version 2: ""
  std::string mount;  // where the host has it
  std::string root;   // the cgroup that is seen there, mostly "/"
  bool operator==(const MountedHierarchy&) const = default;
};

/// From the texts of /proc/self/cgroup and /proc/self/mountinfo, in the order of the first.
std::vector<MountedHierarchy> parse_cgroup_hierarchies(std::string_view cgroup, std::string_view mountinfo);
/// None are read for a config that mounts none of version 1.
std::vector<MountedHierarchy> read_cgroup_hierarchies(const oci::RuntimeConfig& config);

}  // namespace ecrin::run
