#include "run/setup_plan.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "run/plan_parts.hpp"

namespace ecrin::run {
namespace {

Result<> check_mapped(const fs::IdMap& map, std::uint32_t id, std::string_view kind) {
  if (id_mapped(map, id)) return {};
  auto error = fail(ErrorKind::unsupported,
                    "{} {} of the container's program does not exist here: ids 0 to {} are mapped", kind, id,
                    fs::contiguous_ids(map) == 0 ? 0 : fs::contiguous_ids(map) - 1);
  return std::unexpected(std::move(error).error().hint(
      "more ids need ranges in /etc/subuid and /etc/subgid and the programs newuidmap and newgidmap"));
}

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
        m_shared(shared_namespaces(config, facts, request)),
        m_parts{.config = config, .facts = facts, .request = request, .shared = m_shared} {}

  Result<ContainerPlan> make() {
    ContainerPlan& plan = m_parts.plan;
    plan.clone_namespaces = namespaces();
    plan.setup.init = m_request.init;
    plan.setup.pid_namespace = !m_shared.pid;
    plan.setup.process = TRY(process());
    if (plan.clone_namespaces & CLONE_NEWNET) add({.kind = SetupKind::loopback_up});
    const std::vector<std::uint64_t> propagation = TRY(root_propagation());
    add({.kind = SetupKind::root, .source = m_request.rootfs, .propagation = propagation});
    TRY(plan_mounts(m_parts));
    if (m_config.process.terminal) add({.kind = SetupKind::terminal, .target = "dev/console"});
    for (const auto& [path, content] : m_request.managed_files)
      m_parts.add(SetupKind::file, TRY(path_in_root(path, "file")), content);
    TRY(plan_sysctls(m_parts));
    m_parts.add(SetupKind::directory, TRY(path_in_root(m_config.process.cwd, "working directory")));
    for (const std::string& path : m_config.masked_paths)
      m_parts.add(SetupKind::mask, TRY(path_in_root(path, "masked path")));
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
    return std::move(plan);
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

  std::uint64_t namespaces() const {
    std::uint64_t flags = CLONE_NEWNS;  // never shared: the root directory is made in it
    if (!m_shared.pid) flags |= CLONE_NEWPID;
    if (!m_shared.ipc) flags |= CLONE_NEWIPC;
    if (!m_shared.uts) flags |= CLONE_NEWUTS;
    if (!m_shared.cgroup) flags |= CLONE_NEWCGROUP;
    if (!m_shared.network && !m_request.joins_network) flags |= CLONE_NEWNET;
    return flags;
  }

  Result<ProcessPlan> process() {
    const oci::RuntimeProcess& from = m_config.process;
    if (from.args.empty() || from.args.front().empty())
      return fail(ErrorKind::invalid, "the container has no program to run");
    TRY(check_mapped(m_facts.uids, from.uid, "user id"));
    TRY(check_mapped(m_facts.gids, from.gid, "group id"));
    const auto capabilities = TRY(parse_capabilities(from.capabilities.bounding));
    ProcessPlan process{.args = from.args,
                        .env = from.env,
                        .cwd = from.cwd,
                        .uid = from.uid,
                        .gid = from.gid,
                        .set_groups = m_facts.set_groups,
                        .umask = from.umask,
                        .capabilities = capabilities,
                        .no_new_privileges = from.no_new_privileges,
                        .terminal = from.terminal,
                        .console_size = from.console_size.value_or(oci::ConsoleSize{}),
                        .seccomp = m_request.seccomp,
                        .seccomp_flags = m_request.seccomp_flags};
    // An image's /etc/group may name any id. One that does not exist in the namespace can own nothing there.
    if (m_facts.set_groups)
      std::ranges::copy_if(from.additional_gids, std::back_inserter(process.groups), [&](gid_t gid) {
        const bool mapped = id_mapped(m_facts.gids, gid);
        if (!mapped) log::debug("group {} is not mapped and left out", gid);
        return mapped;
      });
    for (const oci::Rlimit& limit : from.rlimits)
      process.limits.push_back(
          {.resource = TRY(parse_resource_name(limit.type)), .soft = limit.soft, .hard = limit.hard});
    return process;
  }

  const oci::RuntimeConfig& m_config;
  const PlanFacts& m_facts;
  const PlanRequest& m_request;
  SharedNamespaces m_shared{};
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

bool id_mapped(const fs::IdMap& map, std::uint32_t id) {
  return std::ranges::any_of(map, [id](const fs::IdRange& range) {
    return id >= range.container_id && id - range.container_id < range.size;
  });
}

Result<int> parse_resource_name(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, int>, 16> names = {{
      {"RLIMIT_AS", RLIMIT_AS},
      {"RLIMIT_CORE", RLIMIT_CORE},
      {"RLIMIT_CPU", RLIMIT_CPU},
      {"RLIMIT_DATA", RLIMIT_DATA},
      {"RLIMIT_FSIZE", RLIMIT_FSIZE},
      {"RLIMIT_LOCKS", RLIMIT_LOCKS},
      {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
      {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
      {"RLIMIT_NICE", RLIMIT_NICE},
      {"RLIMIT_NOFILE", RLIMIT_NOFILE},
      {"RLIMIT_NPROC", RLIMIT_NPROC},
      {"RLIMIT_RSS", RLIMIT_RSS},
      {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
      {"RLIMIT_RTTIME", RLIMIT_RTTIME},
      {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
      {"RLIMIT_STACK", RLIMIT_STACK},
  }};
  for (const auto& [known, number] : names)
    if (known == name) return number;
  return fail(ErrorKind::invalid, "unknown resource limit '{}'", printable(name));
}

Result<ContainerPlan> make_setup_plan(const oci::RuntimeConfig& config, const PlanFacts& facts,
                                      const PlanRequest& request) {
  if (!request.rootfs.starts_with('/'))
    return fail(ErrorKind::invalid, "the root directory '{}' is not an absolute path",
                printable(request.rootfs));
  return Planner(config, facts, request).make();
}

}  // namespace ecrin::run
