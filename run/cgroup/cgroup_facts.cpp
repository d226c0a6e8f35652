#include "run/cgroup/cgroup_facts.hpp"

#include <algorithm>
#include <optional>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_mounts.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_proc_limit = 4u << 20;
constexpr std::uint64_t k_file_limit = 64 * 1024;

std::string own_path(std::string_view cgroup) {
  for (const std::string& line : split(cgroup, '\n'))
    if (line.starts_with("0::")) return line.substr(3);
  return {};
}

// A cgroup's path below the mount that shows `root` of the hierarchy.
std::string below(const CgroupMount& mount, const std::string& path) {
  if (path.empty() || path.starts_with("/..")) return {};
  std::string_view rest = path;
  if (mount.root != "/") {
    if (!rest.starts_with(mount.root)) return {};
    rest.remove_prefix(mount.root.size());
    if (!rest.empty() && rest.front() != '/') return {};
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  return mount.path + std::string(rest);
}

// The mount of these controllers that shows this cgroup of them; else any of them.
std::optional<CgroupHierarchy> find_hierarchy(const std::vector<CgroupMount>& mounts,
                                              const std::vector<std::string>& controllers,
                                              const std::string& path) {
  std::optional<CgroupHierarchy> found;
  for (const CgroupMount& mount : mounts) {
    if (!shows_controllers(mount, controllers) || (found && !found->directory.empty())) continue;
    std::string directory = below(mount, path);
    if (found && directory.empty()) continue;
    found =
        CgroupHierarchy{.controllers = controllers, .mount = mount.path, .directory = std::move(directory)};
  }
  return found;
}

// "4:cpu,cpuacct:/path", "1:name=systemd:/path"; the line of version 2 has no controllers.
std::vector<CgroupHierarchy> find_hierarchies(const std::vector<CgroupMount>& mounts,
                                              std::string_view cgroup) {
  std::vector<CgroupHierarchy> hierarchies;
  for (const std::string& line : split(cgroup, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || second == first + 1) continue;
    const auto controllers = split(line.substr(first + 1, second - first - 1), ',');
    if (auto hierarchy = find_hierarchy(mounts, controllers, line.substr(second + 1)))
      hierarchies.push_back(std::move(*hierarchy));
  }
  return hierarchies;
}

std::string words(const std::vector<std::string>& controllers) {
  return join(controllers, ", ");
}

}  // namespace

CgroupFacts parse_cgroup_facts(std::string_view cgroup, std::string_view mountinfo) {
  CgroupFacts facts;
  std::vector<CgroupMount> version1;
  std::vector<CgroupMount> mounts = parse_cgroup_mounts(mountinfo);
  for (CgroupMount& mount : mounts) {
    if (mount.type == "cgroup2") {
      if (!facts.directory.empty()) continue;
      facts.mount = mount.path;
      facts.directory = below(mount, own_path(cgroup));
    } else if (mount.type == "cgroup") {
      version1.push_back(std::move(mount));
    }
  }
  facts.version1 = find_hierarchies(version1, cgroup);
  const bool has_version2 = !facts.mount.empty();
  facts.layout = !version1.empty() ? has_version2 ? CgroupLayout::hybrid : CgroupLayout::version1
                 : has_version2    ? CgroupLayout::version2
                                   : CgroupLayout::none;
  return facts;
}

CgroupFacts read_cgroup_facts() {
  const auto cgroup = posix::read_file("/proc/self/cgroup", k_proc_limit);
  const auto mountinfo = posix::read_file("/proc/self/mountinfo", k_proc_limit);
  return parse_cgroup_facts(cgroup.value_or(""), mountinfo.value_or(""));
}

std::vector<std::string> available_controllers(const std::string& directory) {
  const auto text = posix::read_file(directory + "/cgroup.controllers", k_file_limit);
  if (!text) return {};
  std::vector<std::string> controllers = split(trim(*text), ' ');
  std::erase(controllers, "");
  std::ranges::sort(controllers);
  return controllers;
}

std::vector<std::string> missing_controllers(const std::vector<std::string>& needed,
                                             const std::vector<std::string>& available) {
  std::vector<std::string> missing;
  std::ranges::copy_if(needed, std::back_inserter(missing), [&](const std::string& name) {
    return std::ranges::find(available, name) == available.end();
  });
  return missing;
}

Error explain_layout(CgroupLayout layout, const std::vector<std::string>& needed) {
  const std::string what = needed.empty() ? "containers cannot have cgroups"
                                          : fmt::format("limits of {} cannot be set", words(needed));
  constexpr const char* k_fix =
      "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line: users get limits from "
      "cgroup "
      "version 2 only";
  if (layout == CgroupLayout::none)
    return Error(ErrorKind::unsupported, what + ": no control groups are mounted here")
        .hint("mount cgroup version 2 on /sys/fs/cgroup");
  if (layout == CgroupLayout::version1)
    return Error(ErrorKind::unsupported, what + ": this host has control groups of version 1").hint(k_fix);
  return Error(ErrorKind::unsupported,
               what + ": the controllers of this host are in cgroup version 1 (hybrid layout)")
      .hint(k_fix);
}

Error explain_missing(const std::vector<std::string>& missing, const std::string& directory) {
  return Error(ErrorKind::unsupported,
               fmt::format("limits of {} cannot be set: not delegated to this user ({})", words(missing),
                           printable(directory)))
      .hint(
          "an administrator delegates them: 'systemctl edit user@.service' with the lines [Service] and "
          "Delegate=cpu cpuset io memory pids, then 'systemctl daemon-reload' and a new login");
}

}  // namespace ecrin::run
