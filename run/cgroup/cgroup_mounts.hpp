// Mounts of control groups in /proc/self/mountinfo.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ecrin::run {

struct CgroupMount {
  std::string root;  // the cgroup that is seen there
  std::string path;
  std::string type;                  // "cgroup", "cgroup2"
  std::vector<std::string> options;  // of the file system: "rw", "cpu", "cpuacct"
};

/// In their order.
std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo);
/// Does it show the hierarchy of version 1 with all of these controllers?
bool shows_controllers(const CgroupMount& mount, const std::vector<std::string>& controllers);

}  // namespace ecrin::run
