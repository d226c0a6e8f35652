#include "run/cgroup/cgroup_mounts.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

// "36 25 0:30 ROOT PATH OPTIONS [TAG...] - TYPE SOURCE OPTIONS"
std::optional<CgroupMount> parse_mount(std::string_view line) {
  const std::size_t border = line.find(" - ");
  if (border == std::string_view::npos) return std::nullopt;
  const std::vector<std::string> place = split(line.substr(0, border), ' ');
  const std::vector<std::string> kind = split(line.substr(border + 3), ' ');
  if (place.size() < 6 || (kind.front() != "cgroup" && kind.front() != "cgroup2")) return std::nullopt;
  return CgroupMount{.root = unescape_mount_field(place[3]),
                     .path = unescape_mount_field(place[4]),
                     .type = kind.front(),
                     .options = split(kind.size() > 2 ? kind[2] : std::string(), ',')};
}

}  // namespace

std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  for (const std::string& line : split(mountinfo, '\n'))
    if (auto mount = parse_mount(line)) mounts.push_back(std::move(*mount));
  return mounts;
}

bool shows_controllers(const CgroupMount& mount, const std::vector<std::string>& controllers) {
  return mount.type == "cgroup" && std::ranges::all_of(controllers, [&](const std::string& name) {
           return std::ranges::find(mount.options, name) != mount.options.end();
         });
}

}  // namespace ecrin::run
