#include "run/plan/setup_plan.hpp"

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "run/plan/namespace_plan.hpp"
#include "run/plan/plan_parts.hpp"

namespace ecrin::run {
namespace {

// The user namespace in which all of the host's ids are themselves.
bool is_first_user_namespace(const fs::IdMap& map) {
  return map.size() == 1 && map.front().container_id == 0 && map.front().host_id == 0 &&
         map.front().size == UINT32_MAX;
}

SharedNamespaces shared_namespaces(const oci::RuntimeConfig& config, const PlanFacts& facts,
                                   const PlanRequest& request) {
  const auto shared = [&](oci::Namespace kind) { return oci::find_namespace(config, kind) == nullptr; };
  return {.pid = shared(oci::Namespace::pid),
          .network = request.network == NetworkMode::host,
          .ipc = shared(oci::Namespace::ipc),
          .uts = shared(oci::Namespace::uts),
          .cgroup = shared(oci::Namespace::cgroup),
          .user = shared(oci::Namespace::user) && is_first_user_namespace(facts.uids)};
}

class Planner {
public:
  Planner(const oci::RuntimeConfig& config, const PlanFacts& facts, const PlanRequest& request)
      : m_config(config),
        m_facts(facts),
        m_request(request),
        m_parts{.config = config,
                .facts = facts,
                .request = request,
                .shared = shared_namespaces(config, facts, request)} {}

  Result<ContainerPlan> make() {
    TRY(check_namespaces(m_config));
    SetupPlan& setup = m_parts.plan.setup;
    plan_namespaces();
    setup.init = m_request.init;
    setup.pid_namespace = !m_parts.shared.pid;
    setup.shares_mounts = !oci::find_namespace(m_config, oci::Namespace::mount);
    if (setup.shares_mounts && oci::find_namespace(m_config, oci::Namespace::user))
      return std::unexpected(
          Error(ErrorKind::unsupported,
                "the container has its mount namespace from the runtime, where its user namespace may mount "
                "nothing")
              .hint("add a mount namespace to linux.namespaces of config.json"));
    setup.process = TRY(process());
    plan_hooks();
    const std::vector<std::uint64_t> propagation = TRY(root_propagation());
    add({.kind = SetupKind::root, .source = m_request.rootfs, .propagation = propagation});
    TRY(plan_mounts(m_parts));
    if (m_config.process.terminal) add({.kind = SetupKind::terminal, .target = "dev/console"});
    for (const auto& [path, content] : m_request.managed_files)
      m_parts.add(SetupKind::file, TRY(path_in_root(path, "file")), content);
    TRY(plan_sysctls(m_parts));
    m_parts.add(SetupKind::directory, TRY(path_in_root(m_config.process.cwd, "working directory")));
    std::set<std::string> masked;  // what is hidden twice is hidden once
    for (const std::string& path : m_config.masked_paths) {
      std::string place = TRY(path_in_root(path, "masked path"));
      if (masked.insert(place).second) m_parts.add(SetupKind::mask, std::move(place));
    }
    for (const std::string& path : m_config.read_only_paths)
      m_parts.add(SetupKind::read_only, TRY(path_in_root(path, "read-only path")));
    TRY(plan_names(m_parts));
    // After everything that creates mount points in them.
    for (const std::string& target : m_parts.read_only_later)
      add({.kind = SetupKind::remount,
           .target = target,
           .attributes = {.set = MOUNT_ATTR_RDONLY, .clear = 0}});
    if (m_config.root_read_only) add({.kind = SetupKind::root_read_only});
    add({.kind = m_request.no_pivot ? SetupKind::move_root : SetupKind::pivot});
    if (!propagation.empty()) add({.kind = SetupKind::root_propagation, .propagation = propagation});
    return std::move(m_parts.plan);
  }

private:
  void add(SetupOp op) { m_parts.add(std::move(op)); }

  Result<std::vector<std::uint64_t>> root_propagation() const {
    const std::string& word = m_config.rootfs_propagation;
    if (word.empty()) return std::vector<std::uint64_t>();
    const auto kind = parse_propagation(word);
    if (!kind) return fail(ErrorKind::invalid, "unknown rootfsPropagation '{}'", printable(word));
    return std::vector{*kind};
  }

  // New ones.
  std::uint64_t namespaces() const {
    std::uint64_t flags = 0;
    for (const auto& [kind, flag] : k_namespace_flags) {
      const oci::RuntimeNamespace* found = oci::find_namespace(m_config, kind);
      if (found && found->path.empty()) flags |= flag;
    }
    if (m_parts.shared.network || m_request.joins_network) flags &= ~std::uint64_t{CLONE_NEWNET};
    return flags;
  }

  // clone(2) gives the stage new namespaces, which is fast; for all else the stage enters them itself.
  void plan_namespaces() {
    const std::uint64_t flags = namespaces();
    const bool joins =
        std::ranges::any_of(m_config.namespaces, [](const auto& entry) { return !entry.path.empty(); });
    if (joins || (flags & (CLONE_NEWUSER | CLONE_NEWTIME)) != 0) {
      m_parts.plan.setup.entry.created = flags;
      m_parts.plan.setup.entry.time_offsets = format_time_offsets(m_config.time_offsets);
    } else {
      m_parts.plan.clone_namespaces = flags;
    }
    if (flags & CLONE_NEWNET) add({.kind = SetupKind::loopback_up});
  }

  void plan_hooks() {
    const oci::Hooks& hooks = m_config.hooks;
    m_parts.plan.setup.create_container = hooks.create_container;
    m_parts.plan.setup.start_container = hooks.start_container;
    m_parts.plan.setup.reports_prepared = !hooks.prestart.empty() || !hooks.create_runtime.empty() ||
                                          !hooks.create_container.empty() || !hooks.start_container.empty() ||
                                          (m_request.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  }

  Result<ProcessPlan> process() {
    ProcessPlan process = TRY(make_process_plan(m_config.process, m_facts));
    if (m_config.personality) process.personality = TRY(parse_personality(*m_config.personality));
    process.seccomp = m_request.seccomp;
    process.seccomp_flags = m_request.seccomp_flags;
    return process;
  }

  const oci::RuntimeConfig& m_config;
  const PlanFacts& m_facts;
  const PlanRequest& m_request;
  PlanParts m_parts;
};

}  // namespace

Result<std::string> path_in_root(const std::string& path, std::string_view what) {
  if (!path.starts_with('/'))
    return fail(ErrorKind::invalid, "{} '{}' is not an absolute path", what, printable(path));
  if (path.find('\0') != std::string::npos)
    return fail(ErrorKind::invalid, "{} '{}' has a NUL byte", what, printable(path));
  std::vector<std::string> parts;
  for (std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(std::move(part));
    else if (!parts.empty())
      parts.pop_back();
  }
  return join(parts, "/");
}

Result<ContainerPlan> make_setup_plan(const oci::RuntimeConfig& config, const PlanFacts& facts,
                                      const PlanRequest& request) {
  if (!request.rootfs.starts_with('/'))
    return fail(ErrorKind::invalid, "the root directory '{}' is not an absolute path",
                printable(request.rootfs));
  return Planner(config, facts, request).make();
}

}  // namespace ecrin::run
