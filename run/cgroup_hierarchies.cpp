#include "run/cgroup_hierarchies.hpp"

#include <algorithm>
#include <optional>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_proc_limit = 16u << 20;

struct Mount {
  std::string root, point, type;
  std::vector<std::string> options;  // of the file system
};

// "36 25 0:30 ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS"
std::optional<Mount> parse_mount(std::string_view line) {
  const std::size_t border = line.find(" - ");
  if (border == std::string_view::npos) return std::nullopt;
  const std::vector<std::string> place = split(line.substr(0, border), ' ');
  const std::vector<std::string> kind = split(line.substr(border + 3), ' ');
  if (place.size() < 6 || kind.size() < 3 || !kind.front().starts_with("cgroup")) return std::nullopt;
  return Mount{.root = place[3], .point = place[4], .type = kind[0], .options = split(kind[2], ',')};
}

// A mount of the hierarchy that has all of the key's controllers.
bool shows(const Mount& mount, const std::string& key) {
  if (key.empty()) return mount.type == "cgroup2";
  return mount.type == "cgroup" && std::ranges::all_of(split(key, ','), [&](const std::string& word) {
           return std::ranges::find(mount.options, word) != mount.options.end();
         });
}

}  // namespace

std::vector<MountedHierarchy> parse_cgroup_hierarchies(std::string_view cgroup, std::string_view mountinfo) {
  std::vector<Mount> mounts;
  for (const std::string& line : split(mountinfo, '\n'))
    if (auto mount = parse_mount(line)) mounts.push_back(std::move(*mount));
  std::vector<MountedHierarchy> hierarchies;
  for (const std::string& line : split(cgroup, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string key = line.substr(first + 1, second - first - 1);
    const auto mount = std::ranges::find_if(mounts, [&](const Mount& one) { return shows(one, key); });
    if (mount != mounts.end())
      hierarchies.push_back({.key = key, .mount = mount->point, .root = mount->root});
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
