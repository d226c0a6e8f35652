#include "run/cgroup_mounts.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

// Spaces and the like are "\040" in mountinfo.
std::string unescape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// "36 25 0:30 ROOT PATH OPTIONS [TAG...] - TYPE SOURCE OPTIONS"
std::optional<CgroupMount> parse_mount(std::string_view line) {
  const std::size_t border = line.find(" - ");
  if (border == std::string_view::npos) return std::nullopt;
  const std::vector<std::string> place = split(line.substr(0, border), ' ');
  const std::vector<std::string> kind = split(line.substr(border + 3), ' ');
  if (place.size() < 6 || !kind.front().starts_with("cgroup")) return std::nullopt;
  return CgroupMount{.root = unescape(place[3]),
                     .path = unescape(place[4]),
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
