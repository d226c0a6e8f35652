// From config.json's linux.cgroupsPath to the place of a container's cgroup. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::run {

/// "/ecrin/ID" or "ecrin/ID": ".." leads to nothing above where it begins.
struct CgroupPath {
  bool absolute = false;  // from where cgroups are mounted; else from the cgroup of the process
  std::string below;      // never empty, without a slash at either end
  bool operator==(const CgroupPath&) const = default;
};
/// "" is /ecrin/ID; for one without privileges ecrin/ID, not absolute.
Result<CgroupPath> parse_cgroup_path(std::string_view cgroups_path, std::string_view container_id,
                                     bool rootless);

/// A scope of systemd's: "slice:prefix:name".
struct ScopeName {
  std::string slice;  // "user.slice"
  std::string unit;   // "prefix-name.scope"
  bool operator==(const ScopeName&) const = default;
};
/// "" is "ecrin" and the ID; no slice is user.slice for one without privileges, else system.slice.
Result<ScopeName> parse_scope_name(std::string_view cgroups_path, std::string_view container_id,
                                   bool rootless);

}  // namespace ecrin::run
