// Where a container's cgroup is: a plain value, kept in the container's state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace ecrin::run {

/// A directory in one hierarchy.
struct CgroupDirectory {
  std::vector<std::string> controllers;  // version 1: "cpu", "name=systemd"; {}: version 2
  std::string path;                      // absolute
  bool operator==(const CgroupDirectory&) const = default;
};

struct CgroupState {
  int version = 0;  // of the cgroups that have the controllers: 1, 2; 0: the container has no cgroup
  std::vector<CgroupDirectory> directories;
  std::string unit;  // of systemd's; "": none
  std::string bus;   // address of the manager that has it
  bool operator==(const CgroupState&) const = default;
};

Json cgroup_state_to_json(const CgroupState& state);
Result<CgroupState> cgroup_state_from_json(const Json& json);

/// The directory with the files of this controller ("memory"; in version 1 also "cpuacct", "freezer"); "":
/// none.
std::string directory_of(const CgroupState& state, std::string_view controller);
/// The directory in version 2, also the one without controllers beside version 1; "": none.
std::string version2_directory(const CgroupState& state);

}  // namespace ecrin::run
