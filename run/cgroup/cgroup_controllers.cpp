#include "run/cgroup/cgroup_controllers.hpp"

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "run/cgroup/cgroup_facts.hpp"
#include "run/cgroup/cgroup_files.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_wanted[] = {"cpu", "cpuset", "hugetlb", "io", "memory", "pids"};

bool contains(const auto& names, const std::string& name) {
  return std::ranges::find(names, name) != std::end(names);
}

Error explain_not_enabled(Error error, const std::string& controller, const std::string& directory) {
  if (error.code() != EBUSY)
    return Error(error.kind(), fmt::format("limits of {} cannot be set: {}", controller, error.message()))
        .hint(
            "an administrator delegates the cgroup, or systemd does: --systemd-cgroup, or 'systemd-run "
            "--user --scope "
            "-p Delegate=yes'");
  return Error(ErrorKind::unsupported, fmt::format("limits of {} cannot be set: the cgroup {} has processes "
                                                   "of its own, and such a one hands no "
                                                   "controllers on",
                                                   controller, printable(directory)))
      .hint(
          "give a cgroupsPath below a cgroup without processes, or move those processes to a cgroup below "
          "it");
}

}  // namespace

Result<std::vector<std::string>> enable_controllers(const std::string& directory,
                                                    const std::vector<std::string>& needed) {
  const std::vector<std::string> available = available_controllers(directory);
  const std::vector<std::string> missing = missing_controllers(needed, available);
  if (!missing.empty()) return std::unexpected(explain_missing(missing, directory));
  const std::string file = directory + "/cgroup.subtree_control";
  const std::vector<std::string> before = split(trim(read_cgroup_file(file).value_or("")), ' ');
  std::vector<std::string> enabled;
  for (const std::string& controller : available) {
    const bool is_needed = contains(needed, controller);
    if (contains(before, controller) || (!is_needed && !contains(k_wanted, controller))) continue;
    if (auto written = write_cgroup_file(file, "+" + controller))
      enabled.push_back(controller);
    else if (is_needed)
      return std::unexpected(explain_not_enabled(std::move(written).error(), controller, directory));
  }
  return enabled;
}

}  // namespace ecrin::run
