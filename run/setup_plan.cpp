#include "run/setup_plan.hpp"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "run/mount_options.hpp"
#include "run/namespace_plan.hpp"

namespace ecrin::run {
namespace {

constexpr std::uint64_t k_atime_attributes = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;

// Targets are relative to the root's descriptor: "/proc" is "proc".
Result<std::string> path_in_root(const std::string& path, std::string_view what) {
  if (!path.starts_with('/'))
    return fail(ErrorKind::invalid, "{} '{}' is not an absolute path", what, printable(path));
  if (path.find('\0') != std::string::npos)
    return fail(ErrorKind::invalid, "{} '{}' has a NUL byte", what, printable(path));
  const std::size_t start = path.find_first_not_of('/');
  return start == std::string::npos ? std::string() : path.substr(start);
}

struct Shared {
  bool pid, network, ipc, uts, cgroup;  // with the host
};

class Planner {
public:
  Planner(const oci::RuntimeConfig& config, const PlanFacts& facts, const PlanRequest& request)
      : m_config(config), m_facts(facts), m_request(request) {
    const auto shared = [&](oci::Namespace kind) { return oci::find_namespace(config, kind) == nullptr; };
    m_shared = {.pid = shared(oci::Namespace::pid),
                .network = request.network == NetworkMode::host,
                .ipc = shared(oci::Namespace::ipc),
                .uts = shared(oci::Namespace::uts),
                .cgroup = shared(oci::Namespace::cgroup)};
  }

  Result<ContainerPlan> make() {
    TRY(check_namespaces(m_config));
    plan_namespaces();
    m_plan.setup.init = m_request.init;
    m_plan.setup.pid_namespace = !m_shared.pid;
    m_plan.setup.process = TRY(process());
    plan_hooks();
    add({.kind = SetupKind::root, .source = m_request.rootfs});
    for (const oci::RuntimeMount& mount : m_config.mounts) TRY(plan_mount(mount));
    if (m_config.process.terminal) add({.kind = SetupKind::terminal, .target = "dev/console"});
    for (const auto& [path, content] : m_request.managed_files)
      add(SetupKind::file, TRY(path_in_root(path, "file")), content);
    TRY(plan_sysctls());
    add(SetupKind::directory, TRY(path_in_root(m_config.process.cwd, "working directory")));
    for (const std::string& path : m_config.masked_paths)
      add(SetupKind::mask, TRY(path_in_root(path, "masked path")));
    for (const std::string& path : m_config.read_only_paths)
      add(SetupKind::read_only, TRY(path_in_root(path, "read-only path")));
    TRY(plan_names());
    // After everything that creates mount points in it.
    if (m_config.root_read_only) add({.kind = SetupKind::root_read_only});
    add({.kind = SetupKind::pivot});
    return std::move(m_plan);
  }

private:
  void add(SetupOp op) { m_plan.setup.ops.push_back(std::move(op)); }
  void add(SetupKind kind, std::string target, std::string source = "") {
    add({.kind = kind, .target = std::move(target), .source = std::move(source)});
  }

  // New ones. The mount namespace is never shared: the root directory is made in it.
  std::uint64_t namespaces() const {
    std::uint64_t flags = 0;
    for (const auto& [kind, flag] : k_namespace_flags) {
      const oci::RuntimeNamespace* found = oci::find_namespace(m_config, kind);
      if (kind == oci::Namespace::mount ? !found || found->path.empty() : found && found->path.empty())
        flags |= flag;
    }
    if (m_shared.network || m_request.joins_network) flags &= ~std::uint64_t{CLONE_NEWNET};
    return flags;
  }

  // clone(2) gives the stage new namespaces, which is fast; for all else the stage enters them itself.
  void plan_namespaces() {
    const std::uint64_t flags = namespaces();
    const bool joins =
        std::ranges::any_of(m_config.namespaces, [](const auto& entry) { return !entry.path.empty(); });
    if (joins || (flags & (CLONE_NEWUSER | CLONE_NEWTIME)) != 0) {
      m_plan.setup.entry.created = flags;
      m_plan.setup.entry.time_offsets = format_time_offsets(m_config.time_offsets);
    } else {
      m_plan.clone_namespaces = flags;
    }
    if (flags & CLONE_NEWNET) add({.kind = SetupKind::loopback_up});
  }

  Result<> plan_mount(const oci::RuntimeMount& mount) {
    const MountOptions options = parse_mount_options(mount.options);
    std::string target = TRY(path_in_root(mount.destination, "mount point"));
    SetupOp op{.kind = SetupKind::mount,
               .target = std::move(target),
               .type = mount.type,
               .options = options.file_system,
               .attributes = options.attributes,
               .propagation = options.propagation};
    if (op.target.empty()) return fail(ErrorKind::invalid, "nothing can be mounted on '/' of a container");
    if (mount.type == "bind" || options.bind) return plan_bind(mount, options, std::move(op));
    if (mount.type == "proc") {
      plan_proc(op);
    } else if (mount.type == "sysfs") {
      plan_sysfs(op);
    } else if (mount.type == "cgroup" || mount.type == "cgroup2") {
      plan_cgroup(op);
    } else if (mount.type == "mqueue") {
      if (m_shared.ipc) become_host_bind(op, "/dev/mqueue");
    } else if (mount.type == "devpts") {
      plan_devpts(op);
    } else if (mount.type != "tmpfs") {
      return fail(ErrorKind::unsupported, "a mount of type '{}' on '{}' is not possible in a container",
                  printable(mount.type), printable(mount.destination));
    }
    const bool is_dev = op.kind == SetupKind::mount && op.type == "tmpfs" && trim_slashes(op.target) == "dev";
    add(std::move(op));
    if (is_dev) plan_devices();
    return {};
  }

  Result<> plan_bind(const oci::RuntimeMount& mount, const MountOptions& options, SetupOp op) {
    if (!options.file_system.empty())
      return fail(ErrorKind::invalid, "a bind mount on '{}' has no option '{}'", printable(mount.destination),
                  printable(options.file_system.front()));
    if (!mount.source.starts_with('/'))
      return fail(ErrorKind::invalid, "the source '{}' of the bind mount on '{}' is not an absolute path",
                  printable(mount.source), printable(mount.destination));
    op.kind = SetupKind::bind;
    op.type.clear();
    op.source = mount.source;
    op.recursive = options.recursive;
    op.attributes &= ~k_atime_attributes;  // a user namespace may not change the times of another's mount
    if (op.propagation == 0) op.propagation = MS_PRIVATE;
    add(std::move(op));
    return {};
  }

  void become_host_bind(SetupOp& op, const std::string& source) {
    op.kind = SetupKind::bind;
    op.source = source;
    op.type.clear();
    op.options.clear();
    op.recursive = true;
    op.attributes &= ~k_atime_attributes;
    op.propagation = MS_SLAVE;
  }

  void plan_proc(SetupOp& op) {
    // A new procfs shows the pid namespace of its mounter; the host's is right when that is shared.
    if (m_shared.pid) return become_host_bind(op, "/proc");
    op.hint =
        "this host hides parts of its own /proc, so the kernel allows no new one: run the outer container "
        "with "
        "--security-opt unmask=/proc/* (podman) or --security-opt systempaths=unconfined (docker)";
  }

  void plan_sysfs(SetupOp& op) {
    // The kernel gives a sysfs to the owner of the network namespace only. Others get the host's, read-only
    // in any case: it is the host's hardware.
    op.source = "/sys";
    op.recursive = true;
    if (m_shared.network) {
      become_host_bind(op, "/sys");
      op.attributes |= MOUNT_ATTR_RDONLY;
    } else {
      op.fallback = SetupFallback::bind_host;
    }
  }

  void plan_cgroup(SetupOp& op) {
    op.type = "cgroup2";
    op.attributes |= MOUNT_ATTR_RDONLY;  // without a delegated cgroup there is nothing that could be written
    op.fallback = SetupFallback::empty_directory;
  }

  void plan_devpts(SetupOp& op) {
    std::erase_if(op.options, [&](const std::string& option) {
      if (!option.starts_with("gid=")) return false;
      const auto gid = parse_unsigned(std::string_view(option).substr(4), UINT32_MAX);
      return !gid || !id_mapped(m_facts.gids, static_cast<std::uint32_t>(*gid));
    });
  }

  void plan_devices() {
    for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"})
      add({.kind = SetupKind::device,
           .target = std::string("dev/") + name,
           .source = std::string("/dev/") + name});
    constexpr std::array<std::pair<const char*, const char*>, 6> links = {{{"fd", "/proc/self/fd"},
                                                                           {"stdin", "/proc/self/fd/0"},
                                                                           {"stdout", "/proc/self/fd/1"},
                                                                           {"stderr", "/proc/self/fd/2"},
                                                                           {"ptmx", "pts/ptmx"},
                                                                           {"core", "/proc/kcore"}}};
    for (const auto& [name, target] : links)
      add({.kind = SetupKind::symlink, .target = std::string("dev/") + name, .source = target});
  }

  Result<> plan_sysctls() {
    for (const auto& [key, value] : m_config.sysctl) {
      // "net.ipv4.ip_forward"; a key that has slashes keeps its dots (interface names have them).
      std::string path = key;
      if (path.find('/') == std::string::npos) std::ranges::replace(path, '.', '/');
      if (path.empty() || path.front() == '/' || path.find("..") != std::string::npos)
        return fail(ErrorKind::invalid, "bad sysctl '{}'", printable(key));
      if (m_shared.network && path.starts_with("net/"))
        return fail(ErrorKind::invalid, "the sysctl '{}' would be the host's: the container has its network",
                    printable(key));
      add({.kind = SetupKind::sysctl, .target = path, .source = value});
    }
    return {};
  }

  Result<> plan_names() {
    for (const auto& [kind, name] : {std::pair(SetupKind::hostname, &m_config.hostname),
                                     std::pair(SetupKind::domainname, &m_config.domainname)}) {
      if (name->empty()) continue;
      if (m_shared.uts)
        return fail(ErrorKind::invalid, "the host name '{}' would be the host's: the container shares it",
                    printable(*name));
      if (name->size() > 64)
        return fail(ErrorKind::invalid, "the host name '{}' is longer than 64 bytes", printable(*name));
      add({.kind = kind, .source = *name});
    }
    return {};
  }

  void plan_hooks() {
    const oci::Hooks& hooks = m_config.hooks;
    m_plan.setup.create_container = hooks.create_container;
    m_plan.setup.start_container = hooks.start_container;
    m_plan.setup.reports_prepared = !hooks.prestart.empty() || !hooks.create_runtime.empty() ||
                                    !hooks.create_container.empty() || !hooks.start_container.empty();
  }

  Result<ProcessPlan> process() {
    ProcessPlan process = TRY(make_process_plan(m_config.process, m_facts));
    if (m_config.personality) process.personality = TRY(parse_personality(*m_config.personality));
    process.seccomp = m_request.seccomp;
    return process;
  }

  static std::string_view trim_slashes(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return path;
  }

  const oci::RuntimeConfig& m_config;
  const PlanFacts& m_facts;
  const PlanRequest& m_request;
  Shared m_shared{};
  ContainerPlan m_plan;
};

}  // namespace

Result<ContainerPlan> make_setup_plan(const oci::RuntimeConfig& config, const PlanFacts& facts,
                                      const PlanRequest& request) {
  if (!request.rootfs.starts_with('/'))
    return fail(ErrorKind::invalid, "the root directory '{}' is not an absolute path",
                printable(request.rootfs));
  return Planner(config, facts, request).make();
}

}  // namespace ecrin::run
