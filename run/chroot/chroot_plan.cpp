#include "run/chroot/chroot_plan.hpp"

#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"
#include "run/plan/mount_options.hpp"
#include "run/plan/plan_parts.hpp"

namespace ecrin::run {
namespace {

bool is_below(const std::string& path, std::string_view directory) {
  return path.starts_with(directory) && path.size() > directory.size() && path[directory.size()] == '/';
}

mode_t directory_mode(const std::vector<std::string>& options, mode_t usual) {
  for (const std::string& option : options) {
    if (!option.starts_with("mode=")) continue;
    unsigned mode = 0;
    const char* end = option.data() + option.size();
    if (std::from_chars(option.data() + 5, end, mode, 8).ptr == end) return mode & 07777;
  }
  return usual;
}

class Planner {
public:
  Planner(const oci::RuntimeConfig& config, const PlanFacts& facts, const ChrootRequest& request)
      : m_config(config), m_facts(facts), m_request(request) {}

  Result<ChrootPlan> make() {
    TRY(check());
    for (const oci::RuntimeMount& mount : m_config.mounts) TRY(plan_mount(mount));
    for (const auto& [path, content] : m_request.managed_files) {
      std::string target = TRY(path_in_root(path, "file"));
      add({.kind = Placement::Kind::file, .target = std::move(target), .source = content, .mode = 0644});
    }
    std::string directory = TRY(path_in_root(m_config.process.cwd, "working directory"));
    add({.kind = Placement::Kind::mount_point, .target = std::move(directory)});
    SetupPlan& setup = m_plan.setup;
    setup.init = m_request.init;
    setup.pid_namespace = false;
    setup.shares_mounts = true;
    setup.process = TRY(process());
    setup.ops.push_back({.kind = SetupKind::plain_root, .source = m_request.rootfs});
    return std::move(m_plan);
  }

private:
  void add(Placement placement) {
    if (!placement.target.empty()) m_plan.placements.push_back(std::move(placement));
  }

  std::unexpected<Error> cannot(std::string what) const {
    return std::unexpected(Error(ErrorKind::unsupported, std::move(what) + ": no namespaces can be made here")
                               .hint(m_request.fix));
  }

  Result<> check() const {
    if (m_request.network == NetworkMode::none)
      return cannot("the container cannot be without the network that is here");
    if (m_request.network != NetworkMode::host)
      return cannot("the container cannot have a network of its own");
    if (m_config.root_read_only) return cannot("the root directory cannot be read-only");
    return {};
  }

  Result<> plan_mount(const oci::RuntimeMount& mount) {
    const std::string target = TRY(path_in_root(mount.destination, "mount point"));
    const MountOptions options = parse_mount_options(mount.options);
    if (mount.type == "bind" || options.bind) return plan_bind(mount, target);
    // Files of the kernel: the directory is there, calls that name what is in it are answered.
    if (target == "proc" || target == "sys") {
      add({.kind = Placement::Kind::mount_point, .target = target});
      return {};
    }
    if (is_below(target, "proc") || is_below(target, "sys")) return {};
    const bool is_tmpfs = mount.type == "tmpfs";
    if (!is_tmpfs && target != "dev" && !is_below(target, "dev"))
      return cannot(fmt::format("nothing of the type '{}' can be mounted on '/{}'", printable(mount.type),
                                printable(target)));
    add({.kind = Placement::Kind::directory,
         .target = target,
         .mode = directory_mode(mount.options, is_tmpfs && target != "dev" ? 01777 : 0755)});
    if (target == "dev") plan_devices();
    return {};
  }

  Result<> plan_bind(const oci::RuntimeMount& mount, const std::string& target) {
    if (!m_request.copies_binds)
      return cannot(
          fmt::format("'{}' cannot be mounted on '/{}'", printable(mount.source), printable(target)));
    add({.kind = Placement::Kind::copy,
         .target = target,
         .source = mount.source,
         .is_kept = m_request.kept_sources.contains(mount.source)});
    return {};
  }

  // The same as every container has.
  void plan_devices() {
    PlanRequest request;
    PlanParts parts{.config = m_config, .facts = m_facts, .request = request};
    plan_default_devices(parts);
    for (SetupOp& op : parts.plan.setup.ops) {
      if (op.kind == SetupKind::symlink)
        add({.kind = Placement::Kind::symlink, .target = op.target, .source = op.source});
      else if (op.node)
        add({.kind = Placement::Kind::device, .target = op.target, .node = *op.node});
    }
  }

  Result<ProcessPlan> process() const {
    ProcessPlan process = TRY(make_process_plan(m_config.process, m_facts));
    if (m_config.personality) process.personality = TRY(parse_personality(*m_config.personality));
    process.seccomp = m_request.seccomp;
    // Filters take CAP_SYS_ADMIN or this.
    process.no_new_privileges = true;
    if ((m_request.present & capability_bit(CAP_SETPCAP)) == 0)
      process.capabilities.bounding = ~CapabilitySet{};
    return process;
  }

  const oci::RuntimeConfig& m_config;
  const PlanFacts& m_facts;
  const ChrootRequest& m_request;
  ChrootPlan m_plan;
};

}  // namespace

Result<ChrootPlan> make_chroot_plan(const oci::RuntimeConfig& config, const PlanFacts& facts,
                                    const ChrootRequest& request) {
  if (!request.rootfs.starts_with('/'))
    return fail(ErrorKind::invalid, "the root directory '{}' is not an absolute path",
                printable(request.rootfs));
  return Planner(config, facts, request).make();
}

}  // namespace ecrin::run
