// verbs: runtime create, start, run
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "base/defer.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/pid_file.hpp"
#include "cli/resource_flags.hpp"
#include "cli/runtime/opened.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"
#include "oci/runtime_config_json.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/console_socket.hpp"
#include "run/container.hpp"
#include "run/container_processes.hpp"
#include "run/gate.hpp"
#include "run/hooks.hpp"
#include "run/shared_mounts.hpp"

namespace ecrin::cli {
namespace {

struct Bundle {
  std::string path;
  std::string text;  // of config.json
  oci::RuntimeConfig config;
  std::string rootfs;
};

Result<Bundle> read_bundle(const Arguments& arguments) {
  Bundle bundle;
  bundle.path = TRY(absolute_path(arguments.value("bundle", ".")));
  const Fd directory = TRY_WHILE(posix::open(bundle.path, O_PATH | O_DIRECTORY), "opening the bundle");
  const std::string name = arguments.value("config", "config.json");
  const Fd file = TRY_WHILE(posix::open_at(directory, name, O_RDONLY | O_NOCTTY), "opening the bundle {}",
                            printable(bundle.path));
  bundle.text = TRY_WHILE(posix::read_fd(file, oci::k_runtime_config_limit), "reading {}", printable(name));
  bundle.config = TRY_WHILE(oci::parse_runtime_config(bundle.text), "reading {}", printable(name));
  const std::string& root = bundle.config.root_path;
  bundle.rootfs = root.starts_with('/') ? root : bundle.path + "/" + root;
  TRY_WHILE(posix::open(bundle.rootfs, O_PATH | O_DIRECTORY), "opening the root directory of the bundle");
  return bundle;
}

// What is made for a container and must not be left when it cannot be created.
struct Creation {
  run::ContainerDirectory directory;
  run::ContainerRecord record;
  run::ContainerCgroup cgroup;
};

Result<run::ContainerCgroup> make_cgroup(const RuntimeContext& context, const std::string& id,
                                         const oci::RuntimeConfig& config) {
  if (context.cgroups == CgroupManager::none) {
    oci::Resources limits = config.resources;
    limits.devices.clear();  // without a cgroup the devices are those that are made in /dev
    if (limits.empty()) return run::ContainerCgroup();
    return std::unexpected(
        Error(ErrorKind::unsupported, "the container has limits (linux.resources), and cgroups are disabled")
            .hint("leave out --cgroup-manager=disabled"));
  }
  run::CgroupRequest request{.container_id = id,
                             .cgroups_path = config.cgroups_path,
                             .systemd = context.cgroups == CgroupManager::systemd,
                             .rootless = context.rootless,
                             .resources = config.resources};
  if (request.systemd) request.buses = service_manager_addresses(context.environment, ::getuid());
  return run::create_container_cgroup(request);
}

// The root of a container with a cgroup namespace and a writable mount of it may make cgroups there.
Result<> give_cgroup(const run::ContainerCgroup& cgroup, const oci::RuntimeConfig& config) {
  const oci::RuntimeNamespace* own = oci::find_namespace(config, oci::Namespace::cgroup);
  const auto writable = [](const oci::RuntimeMount& mount) {
    return (mount.type == "cgroup" || mount.type == "cgroup2") &&
           std::ranges::find(mount.options, "ro") == mount.options.end();
  };
  if (own == nullptr || !own->path.empty() || std::ranges::none_of(config.mounts, writable)) return {};
  const auto root_outside = [](const std::vector<oci::IdMapping>& map) -> std::optional<std::uint32_t> {
    for (const oci::IdMapping& range : map)
      if (range.container_id == 0) return range.host_id;
    return std::nullopt;
  };
  const auto user = root_outside(config.uid_mappings);
  const auto group = root_outside(config.gid_mappings);
  if (!user || !group) return {};
  return cgroup.give_to(*user, *group);
}

Result<> check_terminal(const Arguments& arguments, const oci::RuntimeConfig& config, bool detached) {
  const bool has_socket = arguments.has("console-socket");
  if (config.process.terminal && detached && !has_socket)
    return std::unexpected(Error(ErrorKind::invalid, "the container has a terminal, and nobody gets it")
                               .hint("--console-socket names a socket that does"));
  if (has_socket && !config.process.terminal)
    return std::unexpected(
        Error(ErrorKind::invalid, "there is a console socket, and the container has no terminal")
            .hint("set process.terminal in config.json"));
  return {};
}

struct Created {
  Creation made;
  run::Container container;
  oci::RuntimeConfig config;
};

// All of `create` but letting go of it. Nothing is left when it fails.
Result<Created> create(const RuntimeContext& context, const Arguments& arguments, bool detached) {
  const std::string& id = arguments.operands().front();
  TRY(run::check_container_id(id));
  Bundle bundle = TRY(read_bundle(arguments));
  oci::RuntimeConfig& config = bundle.config;
  TRY(check_terminal(arguments, config, detached));
  if (!config.has_process)
    return fail(ErrorKind::invalid, "config.json has no process: there is nothing to start");

  Fd pidfd_socket;
  if (const auto path = arguments.find("pidfd-socket"))
    pidfd_socket = TRY(run::connect_pidfd_socket(TRY(absolute_path(*path))));

  run::ContainerDirectory directory = TRY(run::ContainerDirectory::create(context.root, id));
  Creation made{.directory = std::move(directory), .record = {}, .cgroup = {}};
  Defer undo([&made] {
    (void)made.cgroup.kill();
    if (made.record.shares_mounts) (void)run::take_off_mounts(made.record.rootfs);
    (void)made.cgroup.remove();
    (void)made.directory.remove();
  });
  TRY(made.directory.write_config(bundle.text));
  made.cgroup = TRY(make_cgroup(context, id, config));
  const oci::RuntimeNamespace* pid_namespace = oci::find_namespace(config, oci::Namespace::pid);
  made.record = {.id = id,
                 .process = {},
                 .bundle = bundle.path,
                 .rootfs = bundle.rootfs,
                 .created = run::creation_time(),
                 .owner = ::geteuid(),
                 .annotations = config.annotations,
                 .cgroup = made.cgroup.state(),
                 .own_pid_namespace = pid_namespace != nullptr && pid_namespace->path.empty(),
                 .shares_mounts = oci::find_namespace(config, oci::Namespace::mount) == nullptr,
                 .late_hooks = !config.hooks.poststart.empty() || !config.hooks.poststop.empty()};
  TRY(made.directory.write(made.record));
  TRY(give_cgroup(made.cgroup, config));

  // A terminal that run relays has the user's size from the first moment on.
  if (!detached && config.process.terminal && !config.process.console_size)
    config.process.console_size = terminal_size(TRY(standard_stream(1)));
  use_all_processors();
  run::ContainerOptions options;
  options.preserved_descriptors = TRY(preserved_descriptors(context, arguments, config.process.env));
  options.config = config;
  options.config.resources = {};  // are with made.cgroup, or there is nothing to be limited by them
  options.rootfs = bundle.rootfs;
  options.bundle = bundle.path;
  options.no_pivot = arguments.on("no-pivot");
  options.new_keyring = !arguments.on("no-new-keyring");
  options.seccomp_cache = context.filter_cache();
  options.init = false;
  options.stdio.inherited = true;
  options.detached = true;
  if (const auto socket = arguments.find("console-socket"))
    options.console_socket = TRY(absolute_path(*socket));
  options.cgroup_entries = TRY(made.cgroup.processes());
  options.state = [&made](std::string_view status, pid_t pid) {
    return hook_state(made.record, status, pid);
  };
  options.search_path = helper_search_path(context.environment);
  auto container = run::Container::create(std::move(options), made.directory.directory());
  made.cgroup.occupied();
  if (!container) {
    run::run_late_hooks(config.hooks.poststop, "poststop", hook_state(made.record, "stopped", 0));
    return std::unexpected(std::move(container).error());
  }
  made.record.process = TRY(run::name_process(container->pid()));
  TRY(made.directory.write(made.record));
  if (const auto path = arguments.find("pid-file")) TRY(write_pid_file(*path, container->pid()));
  if (pidfd_socket) TRY(run::send_pidfd(pidfd_socket, container->pidfd()));
  log::debug("container '{}': process {} waits to be started", id, container->pid());
  undo.dismiss();
  return Created{
      .made = std::move(made), .container = std::move(*container), .config = std::move(bundle.config)};
}

Result<int> run_create(const RuntimeContext& context, const Arguments& arguments) {
  Created created = TRY(create(context, arguments, true));
  created.container.detach();
  return 0;
}

Result<> start(const run::ContainerDirectory& directory, const run::ContainerRecord& record,
               const std::vector<oci::Hook>& poststart) {
  TRY(run::open_gate(directory.directory()));
  run::run_late_hooks(poststart, "poststart", hook_state(record, "running", record.process.pid));
  return {};
}

Result<int> run_start(const RuntimeContext& context, const Arguments& arguments) {
  const std::string& id = arguments.operands().front();
  const OpenedContainer container = TRY(open_container(context, id, Changes::yes));
  if (container.status == run::ContainerStatus::stopped)
    return fail(ErrorKind::conflict, "cannot start a container that has stopped");
  if (container.status != run::ContainerStatus::created)
    return fail(ErrorKind::conflict, "cannot start container '{}': it is {}, not created", id,
                run::to_string(container.status));
  std::vector<oci::Hook> poststart;
  if (container.record.late_hooks)
    poststart = TRY(oci::parse_runtime_config(TRY(container.directory.read_config()))).hooks.poststart;
  TRY(start(container.directory, container.record, poststart));
  return 0;
}

Result<int> run_run(const RuntimeContext& context, const Arguments& arguments) {
  const bool detached = arguments.on("detach");
  std::optional<SignalQueue> signals;
  if (!detached) signals.emplace(TRY(SignalQueue::open()));
  Created created = TRY(create(context, arguments, detached));
  Creation& made = created.made;
  OpenedContainer opened{
      .directory = std::move(made.directory), .record = made.record, .status = run::ContainerStatus::created};
  const bool relays = created.config.process.terminal && !arguments.has("console-socket");
  // Before the start: the program may write at once.
  if (relays && ::isatty(STDOUT_FILENO) == 0) keep_line_ends(created.container.terminal());
  const auto started = start(opened.directory, opened.record, created.config.hooks.poststart);
  if (started && detached) {
    created.container.detach();
    return 0;
  }
  Result<int> code = 0;
  if (started) {
    opened.directory.unlock();  // others may act on it while it runs
    const auto status = attend(created.container, *signals, relays, Input::standard);
    code = status ? Result<int>(status->shell_code()) : Result<int>(std::unexpected(status.error()));
  } else {
    code = std::unexpected(started.error());
  }
  if (started && code && arguments.on("keep")) return code;
  // Somebody else may have deleted it meanwhile.
  if (started && !opened.directory.lock()) return code;
  (void)run::kill_container(opened.record);
  (void)created.container.wait();
  const auto removed = remove_container(opened);
  if (!removed && code) return std::unexpected(removed.error());
  return code;
}

std::vector<Flag> bundle_flags() {
  return {
      {.name = "bundle",
       .letter = 'b',
       .value = "DIR",
       .help = "the bundle: config.json and what it names; default: the working directory",
       .completion = Completion::directory},
      {.name = "config",
       .letter = 'f',
       .value = "FILE",
       .help = "instead of config.json in the bundle",
       .completion = Completion::file},
      {.name = "console-socket",
       .value = "SOCKET",
       .help = "a unix socket that gets the container's terminal",
       .completion = Completion::file},
      {.name = "pidfd-socket",
       .value = "SOCKET",
       .help = "a unix socket that gets a descriptor of the container's first process",
       .completion = Completion::file},
      {.name = "pid-file",
       .value = "FILE",
       .help = "write the pid of the container's first process there",
       .completion = Completion::file},
      {.name = "preserve-fds", .value = "N", .help = "pass so many descriptors on, from 3 upwards"},
      {.name = "no-pivot",
       .value = "",
       .help = "move the root over the host's instead of pivot_root: for bundles on a RAM disk"},
      {.name = "no-new-keyring", .value = "", .help = "keep the session keyring of the caller"},
      {.name = "no-subreaper", .value = "", .help = "accepted: no process of the runtime stays"},
  };
}

}  // namespace

const RuntimeVerb& runtime_create_verb() {
  static const RuntimeVerb verb{
      .words = {.name = "runtime create",
                .operands = "ID",
                .summary = "Make a container out of a bundle; its program waits for start",
                .flags = bundle_flags(),
                .least_operands = 1,
                .most_operands = 1},
      .run = run_create,
  };
  return verb;
}

const RuntimeVerb& runtime_start_verb() {
  static const RuntimeVerb verb{
      .words = {.name = "runtime start",
                .operands = "ID",
                .summary = "Execute the program of a created container",
                .least_operands = 1,
                .most_operands = 1},
      .run = run_start,
  };
  return verb;
}

const RuntimeVerb& runtime_run_verb() {
  static const RuntimeVerb verb{
      .words =
          {
              .name = "runtime run",
              .operands = "ID",
              .summary = "Create and start a container, wait for its end and delete it",
              .flags =
                  [] {
                    std::vector<Flag> flags = bundle_flags();
                    flags.push_back(
                        {.name = "detach", .letter = 'd', .value = "", .help = "do not wait for its end"});
                    flags.push_back({.name = "keep", .value = "", .help = "do not delete it at its end"});
                    return flags;
                  }(),
              .least_operands = 1,
              .most_operands = 1,
          },
      .run = run_run,
  };
  return verb;
}

}  // namespace ecrin::cli
