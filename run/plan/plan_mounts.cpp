#include <sys/mount.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "run/plan/plan_parts.hpp"
#include "run/plan/refusal.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_read_only = MOUNT_ATTR_RDONLY;
constexpr std::uint64_t k_times = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;

// The host's file system in the place of one that the kernel gives to the owner of the namespace only.
void become_host_bind(SetupOp& op, const std::string& source) {
  op.kind = SetupKind::bind;
  op.source = source;
  op.recursive = true;
  op.recursive_attributes = {.set = (op.recursive_attributes.set | op.attributes.set) & ~k_times, .clear = 0};
  op.attributes = {};
  op.propagation = {MS_SLAVE | MS_REC};
}

class MountPlanner {
public:
  MountPlanner(PlanParts& parts, const oci::RuntimeMount& mount)
      : m_parts(parts), m_mount(mount), m_options(parse_mount_options(mount.options)) {}

  // Where it is, as a path of the plan.
  Result<std::string> plan() {
    std::string place = TRY(target());
    TRY(plan_on(place));
    return place;
  }

private:
  Result<> plan_on(const std::string& place) {
    SetupOp op{.kind = SetupKind::mount,
               .target = place,
               .type = m_mount.type,
               .attributes = m_options.attributes,
               .recursive_attributes = m_options.recursive_attributes,
               .propagation = m_options.propagation};
    if (m_options.remount) return remount(std::move(op));
    if (m_mount.type == "bind" || m_options.bind) return bind(std::move(op));
    TRY(check_new());
    op.options = m_options.super_block;
    op.options.insert(op.options.end(), m_options.file_system.begin(), m_options.file_system.end());
    op.copy_up = m_options.copy_up;
    adapt(op);
    if (m_mount.type == "cgroup" || m_mount.type == "cgroup2") {
      plan_cgroups(m_parts, std::move(op));
      return {};
    }
    const bool is_dev = op.target == "dev";
    // Others are mounted in it, and devices made, before nothing more can be.
    if (op.type == "tmpfs" && (op.attributes.set & k_read_only)) {
      op.attributes.set &= ~k_read_only;
      m_parts.read_only_later.push_back(op.target);
    }
    m_parts.add(std::move(op));
    if (is_dev) plan_default_devices(m_parts);
    return {};
  }

  std::string where() const { return printable(m_mount.destination); }

  Result<std::string> target() const {
    const std::string& destination = m_mount.destination;
    std::string target;
    if (!destination.empty() && !destination.starts_with('/')) {
      // Older versions of the spec allowed it.
      log::warning("the mount point '{}' is not an absolute path: taken as '/{}'", printable(destination),
                   printable(destination));
      target = TRY(path_in_root("/" + destination, "mount point"));
    } else {
      target = TRY(path_in_root(destination, "mount point"));
    }
    if (target.empty()) return fail(ErrorKind::invalid, "nothing can be mounted on '/' of a container");
    return target;
  }

  Result<> check_new() const {
    if (m_mount.type.empty() || m_mount.type == "none")
      return fail(ErrorKind::invalid, "the mount on '{}' has neither a type nor the option bind", where());
    if (m_mount.type.find('\0') != std::string::npos || m_mount.source.find('\0') != std::string::npos)
      return fail(ErrorKind::invalid, "the mount on '{}' has a NUL byte", where());
    if (m_options.id_mapped != IdMapped::no || !m_mount.uid_mappings.empty() || !m_mount.gid_mappings.empty())
      return fail(ErrorKind::unsupported,
                  "the mount on '{}' cannot have its ids mapped: only bind mounts can", where());
    if (m_options.copy_up && m_mount.type != "tmpfs")
      return fail(ErrorKind::invalid, "the mount on '{}' has the option tmpcopyup and is no tmpfs", where());
    return {};
  }

  // What is special about the kernel's own file systems.
  void adapt(SetupOp& op) const {
    const std::string& type = m_mount.type;
    if (type == "proc") {
      // A new procfs shows the pid namespace of its mounter; the host's is right when that is shared.
      if (m_parts.shared.pid && op.options.empty()) return become_host_bind(op, "/proc");
      if (m_parts.request.accepts_host_proc) {
        op.fallback = SetupFallback::bind_host;
        op.host = "/proc";
      }
      op.hint = masked_proc_hint(m_parts.facts.outer);
    } else if (type == "sysfs") {
      // The kernel gives a sysfs to the owner of the network namespace only. Others get the host's, read-only
      // in any case: it is the host's hardware.
      op.fallback = SetupFallback::bind_host;
      op.host = "/sys";
    } else if (type == "mqueue") {
      op.fallback = m_parts.shared.ipc ? SetupFallback::bind_host : SetupFallback::none;
      op.host = m_parts.shared.ipc ? "/dev/mqueue" : "";
    } else if (type == "devpts") {
      std::erase_if(op.options, [&](const std::string& option) {
        if (!option.starts_with("gid=")) return false;
        const auto gid = parse_unsigned(std::string_view(option).substr(4), UINT32_MAX);
        return !gid || !id_mapped(m_parts.facts.gids, static_cast<std::uint32_t>(*gid));
      });
      add_label(op);
    } else if (!type.starts_with("cgroup")) {
      // Some name what they mount, the others get the name that whoever wrote the config liked.
      op.source = m_mount.source;
      add_label(op);
    }
  }

  void add_label(SetupOp& op) const {
    if (!m_parts.config.mount_label.empty()) op.options.push_back("context=" + m_parts.config.mount_label);
  }

  Result<> bind(SetupOp op) {
    // As in mount(2), which reads none: engines write "mode=755" and the like for all kinds of mounts.
    if (!m_options.file_system.empty())
      log::debug("the bind mount on '{}' has no option '{}': left out", where(),
                 printable(m_options.file_system.front()));
    if (m_options.copy_up)
      return fail(ErrorKind::invalid, "the mount on '{}' has the option tmpcopyup and is no tmpfs", where());
    op.kind = SetupKind::bind;
    op.type.clear();
    op.source = TRY(bind_source());
    op.recursive = m_options.recursive_bind;
    if (op.propagation.empty()) op.propagation = {std::uint64_t{MS_PRIVATE} | (op.recursive ? MS_REC : 0)};
    TRY(map_ids());
    m_parts.add(std::move(op));
    return {};
  }

  Result<std::string> bind_source() const {
    const std::string& source = m_mount.source;
    if (source.find('\0') != std::string::npos)
      return fail(ErrorKind::invalid, "the source of the bind mount on '{}' has a NUL byte", where());
    if (source.starts_with('/')) return source;
    if (source.empty() || m_parts.request.bundle.empty())
      return fail(ErrorKind::invalid, "the source '{}' of the bind mount on '{}' is not an absolute path",
                  printable(source), where());
    return m_parts.request.bundle + "/" + source;
  }

  // The mount's own map, else that of the container's user namespace.
  Result<> map_ids() {
    const bool own = !m_mount.uid_mappings.empty() || !m_mount.gid_mappings.empty();
    if (m_options.id_mapped == IdMapped::no && !own) return {};
    const oci::RuntimeConfig& config = m_parts.config;
    IdMappedBind mapped{.op = m_parts.plan.setup.ops.size(),
                        .recursive = m_options.id_mapped == IdMapped::recursive,
                        .uids = own ? m_mount.uid_mappings : config.uid_mappings,
                        .gids = own ? m_mount.gid_mappings : config.gid_mappings};
    if (mapped.uids.empty() || mapped.gids.empty())
      return fail(ErrorKind::invalid,
                  "the mount on '{}' shall have its ids mapped, and there is no map of {}", where(),
                  mapped.uids.empty() ? "users" : "groups");
    m_parts.plan.id_mapped.push_back(std::move(mapped));
    return {};
  }

  Result<> remount(SetupOp op) {
    op.kind = SetupKind::remount;
    op.type.clear();
    // "remount,bind" is about the mount alone.
    if (!m_options.bind) {
      op.options = m_options.super_block;
      op.options.insert(op.options.end(), m_options.file_system.begin(), m_options.file_system.end());
    }
    m_parts.add(std::move(op));
    return {};
  }

  PlanParts& m_parts;
  const oci::RuntimeMount& m_mount;
  MountOptions m_options;
};

}  // namespace

Result<> plan_mounts(PlanParts& parts) {
  bool dev_mounted = false;
  for (const oci::RuntimeMount& mount : parts.config.mounts) {
    const std::string target = TRY(MountPlanner(parts, mount).plan());
    if (target == "dev") dev_mounted = true;
  }
  if (!parts.config.mount_label.empty() && !parts.facts.selinux)
    return fail(ErrorKind::unsupported, "the mounts shall have the label '{}', and this host has no SELinux",
                printable(parts.config.mount_label));
  if (!dev_mounted) plan_default_devices(parts);
  return plan_devices(parts);
}

}  // namespace ecrin::run
