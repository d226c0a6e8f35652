#include "run/cgroup/cgroup_hierarchies.hpp"

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_mounts.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_proc_limit = 16u << 20;

// A mount of the hierarchy that has all of the key's controllers.
bool shows(const CgroupMount& mount, const std::string& key) {
  return key.empty() ? mount.type == "cgroup2" : shows_controllers(mount, split(key, ','));
}

}  // namespace

std::vector<MountedHierarchy> parse_cgroup_hierarchies(std::string_view cgroup, std::string_view mountinfo) {
  const std::vector<CgroupMount> mounts = parse_cgroup_mounts(mountinfo);
  std::vector<MountedHierarchy> hierarchies;
  for (const std::string& line : split(cgroup, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string key = line.substr(first + 1, second - first - 1);
    const auto mount = std::ranges::find_if(mounts, [&](const CgroupMount& one) { return shows(one, key); });
    if (mount != mounts.end()) hierarchies.push_back({.key = key, .mount = mount->path, .root = mount->root});
  }
  return hierarchies;
}

std::vector<MountedHierarchy> read_cgroup_hierarchies(const oci::RuntimeConfig& config) {
  if (std::ranges::find(config.mounts, "cgroup", &oci::RuntimeMount::type) == config.mounts.end()) return {};
  const auto cgroup = posix::read_file("/proc/self/cgroup", k_proc_limit);
  const auto mountinfo = posix::read_file("/proc/self/mountinfo", k_proc_limit);
  return parse_cgroup_hierarchies(cgroup.value_or(""), mountinfo.value_or(""));
}

}  // namespace ecrin::run
