// Which control groups this host has and where this process stands among them: read, nothing changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::run {

enum class CgroupLayout {
  none,  // nothing is mounted
  version1,
  hybrid,  // the controllers are in version 1, a version 2 without any stands beside it
  version2,
};

/// Of version 1.
struct CgroupHierarchy {
  std::vector<std::string> controllers;  // "cpu", "cpuacct"; or one name: "name=systemd"
  std::string mount;
  std::string directory;  // of this process; "" = not to be seen from here
  bool operator==(const CgroupHierarchy&) const = default;
};

struct CgroupFacts {
  CgroupLayout layout = CgroupLayout::none;
  std::string mount;                      // where version 2 is mounted; "" = nowhere
  std::string directory;                  // of this process, in version 2; "" = not to be seen from here
  std::vector<CgroupHierarchy> version1;  // those that are mounted
  bool operator==(const CgroupFacts&) const = default;
};

/// From the texts of /proc/self/cgroup and /proc/self/mountinfo.
CgroupFacts parse_cgroup_facts(std::string_view cgroup, std::string_view mountinfo);
CgroupFacts read_cgroup_facts();

/// Controllers that a cgroup has for its children (cgroup.controllers), sorted; none when it cannot be read.
std::vector<std::string> available_controllers(const std::string& directory);
/// Those of `needed` that are not among `available`.
std::vector<std::string> missing_controllers(const std::vector<std::string>& needed,
                                             const std::vector<std::string>& available);

/// Why these limits cannot be had where version 2 has no controllers at all; with the fix.
Error explain_layout(CgroupLayout layout, const std::vector<std::string>& needed);
/// Why they cannot be had where version 2 has controllers, but not these for this user; with the fix.
Error explain_missing(const std::vector<std::string>& missing, const std::string& directory);

}  // namespace ecrin::run
