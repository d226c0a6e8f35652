// A mount of type "cgroup": of version 2 where that is all there is; else, as programs of version 1 expect
// it, a directory with one hierarchy each.
#include <sys/mount.h>

#include <algorithm>

#include "base/text.hpp"
#include "run/plan/plan_parts.hpp"

namespace ecrin::run {
namespace {

// What the directory of a hierarchy is called: as on the host.
std::string directory_name(const MountedHierarchy& hierarchy) {
  std::string name = hierarchy.mount.substr(hierarchy.mount.rfind('/') + 1);
  if (!name.empty() && name != "cgroup") return name;
  if (hierarchy.key.empty()) return "unified";
  return hierarchy.key.starts_with("name=") ? hierarchy.key.substr(5) : hierarchy.key;
}

SetupOp own_cgroup(const SetupOp& mount, const MountedHierarchy& hierarchy, std::string target) {
  SetupOp op = mount;
  op.kind = SetupKind::own_cgroup;
  op.target = std::move(target);
  op.type = hierarchy.key;
  op.source = hierarchy.mount;
  op.host = hierarchy.root;
  op.options.clear();
  op.attributes.set &= ~std::uint64_t{MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME};
  op.attributes.clear &= ~std::uint64_t{MOUNT_ATTR__ATIME};
  return op;
}

SetupOp new_view(const SetupOp& mount, const MountedHierarchy& hierarchy, std::string target) {
  SetupOp op = mount;
  op.target = std::move(target);
  op.type = hierarchy.key.empty() ? "cgroup2" : "cgroup";
  op.source.clear();
  op.options.clear();
  if (hierarchy.key.starts_with("name="))
    op.options = {"none", hierarchy.key};
  else if (!hierarchy.key.empty())
    op.options = split(hierarchy.key, ',');
  op.fallback = SetupFallback::empty_directory;
  return op;
}

}  // namespace

void plan_cgroups(PlanParts& parts, SetupOp op) {
  const std::vector<MountedHierarchy>& all = parts.facts.cgroups;
  const auto view = [&](const MountedHierarchy& hierarchy, const std::string& target) {
    // A new mount shows the cgroup namespace from its root on; in the host's that would be everything.
    return parts.shared.cgroup ? own_cgroup(op, hierarchy, target) : new_view(op, hierarchy, target);
  };
  const bool version1 = std::ranges::any_of(all, [](const auto& one) { return !one.key.empty(); });
  if (op.type == "cgroup2" || !version1) {
    const bool known = op.type == "cgroup" && !all.empty();
    if (known) return parts.add(view(all.front(), op.target));
    op.type = "cgroup2";
    op.fallback = SetupFallback::empty_directory;
    return parts.add(std::move(op));
  }
  const bool read_only = op.attributes.set & MOUNT_ATTR_RDONLY;
  parts.add({.kind = SetupKind::mount,
             .target = op.target,
             .type = "tmpfs",
             .options = {"mode=755", "size=64k"},
             .attributes = {.set = op.attributes.set & ~std::uint64_t{MOUNT_ATTR_RDONLY}, .clear = 0}});
  for (const MountedHierarchy& hierarchy : all) {
    const std::string name = directory_name(hierarchy);
    parts.add(view(hierarchy, op.target + "/" + name));
    const std::vector<std::string> controllers = split(hierarchy.key, ',');
    for (const std::string& controller : controllers)
      if (controllers.size() > 1 && controller != name)
        parts.add(SetupKind::symlink, op.target + "/" + controller, name);
  }
  if (read_only) parts.read_only_later.push_back(op.target);
}

}  // namespace ecrin::run
