#include "run/cgroup/cgroup_path.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr std::size_t k_longest_path = 3000;
constexpr std::size_t k_longest_name = 255;

bool is_unit_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view(":-_.\\@").find(c) != std::string_view::npos;
}

Result<> check_unit_name(const std::string& name, std::string_view cgroups_path) {
  if (!name.empty() && name.size() <= k_longest_name && std::ranges::all_of(name, is_unit_character))
    return {};
  return fail(ErrorKind::invalid, "'{}' of the cgroups path '{}' is no name of a unit of systemd's",
              printable(name, 300), printable(cgroups_path, 300));
}

}  // namespace

Result<CgroupPath> parse_cgroup_path(std::string_view cgroups_path, std::string_view container_id,
                                     bool rootless) {
  if (cgroups_path.empty())
    return CgroupPath{.absolute = !rootless, .below = fmt::format("ecrin/{}", container_id)};
  if (cgroups_path.size() > k_longest_path)
    return fail(ErrorKind::invalid, "linux.cgroupsPath is longer than {} bytes", k_longest_path);
  if (cgroups_path.find_first_of(std::string_view("\n\0", 2)) != std::string_view::npos)
    return fail(ErrorKind::invalid, "linux.cgroupsPath '{}' has a character that no cgroup's name has",
                printable(cgroups_path, 300));
  std::vector<std::string> components;
  for (std::string& component : split(cgroups_path, '/')) {
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (!components.empty()) components.pop_back();
      continue;
    }
    if (component.size() > k_longest_name)
      return fail(ErrorKind::invalid, "linux.cgroupsPath has a name of more than {} bytes", k_longest_name);
    components.push_back(std::move(component));
  }
  if (components.empty())
    return fail(ErrorKind::invalid,
                "linux.cgroupsPath '{}' is where cgroups begin, and no cgroup of a container",
                printable(cgroups_path, 300));
  return CgroupPath{.absolute = cgroups_path.front() == '/', .below = join(components, "/")};
}

Result<ScopeName> parse_scope_name(std::string_view cgroups_path, std::string_view container_id,
                                   bool rootless) {
  std::vector<std::string> parts = cgroups_path.empty()
                                       ? std::vector<std::string>{"", "ecrin", std::string(container_id)}
                                       : split(cgroups_path, ':');
  if (parts.size() != 3)
    return std::unexpected(
        Error(ErrorKind::invalid,
              fmt::format("linux.cgroupsPath '{}' is not slice:prefix:name, as it is for systemd",
                          printable(cgroups_path, 300)))
            .hint("leave --systemd-cgroup away, or have the engine use systemd for its cgroups"));
  ScopeName name{.slice = std::move(parts[0]), .unit = {}};
  if (name.slice.empty()) name.slice = rootless ? "user.slice" : "system.slice";
  TRY(check_unit_name(name.slice, cgroups_path));
  if (!name.slice.ends_with(".slice"))
    return fail(ErrorKind::invalid, "'{}' of the cgroups path '{}' does not end with .slice",
                printable(name.slice, 300), printable(cgroups_path, 300));
  TRY(check_unit_name(parts[2], cgroups_path));
  if (parts[2].ends_with(".slice"))
    return fail(ErrorKind::invalid, "'{}' of the cgroups path '{}' is a slice, which holds no processes",
                printable(parts[2], 300), printable(cgroups_path, 300));
  name.unit = (parts[1].empty() ? std::string() : parts[1] + "-") + parts[2] + ".scope";
  TRY(check_unit_name(name.unit, cgroups_path));
  return name;
}

}  // namespace ecrin::run
