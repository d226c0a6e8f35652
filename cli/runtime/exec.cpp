// verb: runtime exec
#include "run/exec.hpp"
#include "run/cgroup/cgroup_container.hpp"

#include <algorithm>
#include <cerrno>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/variables.hpp"
#include "cli/container_request.hpp"
#include "cli/pid_file.hpp"
#include "cli/runtime/opened.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"
#include "oci/runtime_config_json.hpp"
#include "run/capabilities.hpp"
#include "run/console_socket.hpp"
#include "run/container_processes.hpp"
#include "run/seccomp/seccomp_config.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_process_limit = 4 << 20;  // bytes of text

Result<> apply_user(oci::RuntimeProcess& process, const std::string& text) {
  const std::size_t colon = text.find(':');
  process.uid =
      static_cast<uid_t>(TRY_WHILE(parse_unsigned(text.substr(0, colon), UINT32_MAX - 1), "reading --user"));
  process.gid = 0;
  if (colon != std::string::npos)
    process.gid = static_cast<gid_t>(
        TRY_WHILE(parse_unsigned(text.substr(colon + 1), UINT32_MAX - 1), "reading --user"));
  return {};
}

Result<> add_capabilities(oci::Capabilities& sets, const std::vector<std::string>& names) {
  const auto add = [](std::vector<std::string>& set, const std::string& name) {
    if (std::ranges::find(set, name) == set.end()) set.push_back(name);
  };
  for (const std::string& name : run::capability_names(TRY(run::parse_capabilities(names)))) {
    for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted}) add(*set, name);
    // A program of another user than root has it only so.
    if (std::ranges::find(sets.inheritable, name) != sets.inheritable.end()) add(sets.ambient, name);
  }
  return {};
}

// What --process says whole; else the container's own process with the flags' changes.
Result<oci::RuntimeProcess> wanted_process(const Arguments& arguments,
                                           const oci::RuntimeProcess& of_container) {
  std::vector<std::string> command(arguments.operands().begin() + 1, arguments.operands().end());
  if (!command.empty() && command.front() == "--") command.erase(command.begin());
  if (const auto path = arguments.find("process")) {
    const Fd file = TRY_WHILE(posix::open(*path, O_RDONLY | O_NOCTTY), "reading --process");
    const std::string text = TRY_WHILE(posix::read_fd(file, k_process_limit), "reading --process");
    oci::RuntimeProcess process = TRY_WHILE(oci::parse_runtime_process(text), "reading --process");
    if (arguments.on("tty")) process.terminal = true;
    return process;
  }
  if (command.empty())
    return std::unexpected(Error(ErrorKind::invalid, "there is nothing to execute")
                               .hint("name a command after the id, or a file with --process"));
  oci::RuntimeProcess process = of_container;
  process.args = std::move(command);
  process.terminal = arguments.on("tty");
  if (!process.terminal) process.console_size = std::nullopt;
  if (const auto directory = arguments.find("cwd")) process.cwd = *directory;
  for (const std::string& line : arguments.values("env")) set_variable(process.env, line);
  if (const auto user = arguments.find("user")) TRY(apply_user(process, *user));
  for (const std::string& group : arguments.words("additional-gids"))
    process.additional_gids.push_back(
        static_cast<gid_t>(TRY_WHILE(parse_unsigned(group, UINT32_MAX - 1), "reading --additional-gids")));
  if (const auto label = arguments.find("process-label")) process.selinux_label = *label;
  if (const auto profile = arguments.find("apparmor")) process.apparmor_profile = *profile;
  if (arguments.has("no-new-privs")) process.no_new_privileges = arguments.on("no-new-privs");
  TRY(add_capabilities(process.capabilities, arguments.values("cap")));
  return process;
}

Result<> check_status(const OpenedContainer& container, const Arguments& arguments) {
  const std::string& id = container.record.id;
  if (container.status == run::ContainerStatus::stopped || container.status == run::ContainerStatus::creating)
    return fail(ErrorKind::conflict, "cannot exec in container '{}': it is {}: container not running", id,
                run::to_string(container.status));
  if (container.status == run::ContainerStatus::paused && !arguments.on("ignore-paused"))
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("cannot exec in a paused container ('{}')", id))
            .hint("'resume' it first; with --ignore-paused the program waits for that"));
  return {};
}

// One --cgroup: "[CONTROLLER[,CONTROLLER...]:]PATH".
struct CgroupBelow {
  std::vector<std::string> controllers;  // none: of all hierarchies that have such a cgroup
  std::string path;
};

Result<CgroupBelow> parse_cgroup_below(const std::string& text) {
  const std::size_t colon = text.find(':');
  CgroupBelow below{.controllers = {}, .path = colon == std::string::npos ? text : text.substr(colon + 1)};
  if (colon != std::string::npos) below.controllers = split(text.substr(0, colon), ',');
  for (const std::string& part : split(below.path, '/'))
    if (part == "..")
      return fail(
          ErrorKind::invalid,
          "--cgroup: bad sub cgroup path '{}': `..` components are not allowed, which lead out of the "
          "container's cgroup",
          printable(text));
  return below;
}

bool names_any_of(const CgroupBelow& below, const run::CgroupDirectory& directory) {
  return std::ranges::any_of(below.controllers, [&](const std::string& name) {
    return std::ranges::find(directory.controllers, name) != directory.controllers.end();
  });
}

// The hierarchies of version 1 differ in what is below the container's cgroup: without a controller's name
// those count that have it.
Result<> go_below(run::CgroupState& state, const CgroupBelow& below) {
  for (const std::string& name : below.controllers)
    if (std::ranges::none_of(state.directories, [&](const run::CgroupDirectory& directory) {
          return std::ranges::find(directory.controllers, name) != directory.controllers.end();
        }))
      return fail(ErrorKind::invalid, "--cgroup: unknown controller '{}'", printable(name));
  std::optional<Error> missing;
  bool found = false;
  for (run::CgroupDirectory& directory : state.directories) {
    if (!below.controllers.empty() && !names_any_of(below, directory)) continue;
    const std::string path = directory.path + "/" + below.path;
    auto opened = posix::open(path, O_PATH | O_DIRECTORY);
    if (!opened && opened.error().code() != ENOENT) return std::unexpected(std::move(opened).error());
    if (!opened) {
      missing = Error::from_errno(ENOENT, fmt::format("--cgroup: error adding pid to '{}'", printable(path)));
      if (!below.controllers.empty()) break;
      continue;
    }
    directory.path = path;
    found = true;
  }
  if (missing && (!found || !below.controllers.empty())) return std::unexpected(std::move(*missing));
  return {};
}

// Descriptors by which the program joins the container's cgroups, or those below.
Result<std::vector<Fd>> cgroup_entries(const run::ContainerRecord& record, const Arguments& arguments) {
  const std::vector<std::string> below = arguments.values("cgroup");
  if (below.empty()) return run::ContainerCgroup(record.cgroup).processes(record.process.pid);
  run::CgroupState state = record.cgroup;
  if (state.version == 0)
    return fail(ErrorKind::unsupported, "the container has no cgroup, so there is none below it (--cgroup)");
  for (const std::string& text : below) TRY(go_below(state, TRY(parse_cgroup_below(text))));
  return run::ContainerCgroup(state).processes();
}

Result<int> run_exec(const RuntimeContext& context, const Arguments& arguments) {
  const bool detached = arguments.on("detach");
  const OpenedContainer container = TRY(open_container(context, arguments.operands().front(), Changes::no));
  TRY(check_status(container, arguments));
  const oci::RuntimeConfig config = TRY(oci::parse_runtime_config(TRY(container.directory.read_config())));

  use_all_processors();
  run::ExecOptions options;
  options.process = TRY(wanted_process(arguments, config.process));
  const bool has_socket = arguments.has("console-socket");
  const bool terminal = options.process.terminal;
  if (terminal && detached && !has_socket)
    return std::unexpected(
        Error(ErrorKind::invalid, "the program gets a terminal, and nobody gets its other end")
            .hint("--console-socket names a socket that does"));
  if (has_socket && !terminal)
    return fail(ErrorKind::invalid, "there is a console socket, and the program gets no terminal");
  if (terminal && !has_socket && !options.process.console_size)
    options.process.console_size = terminal_size(TRY(standard_stream(1)));
  options.preserved_descriptors = TRY(preserved_descriptors(context, arguments, options.process.env));
  options.target = container.record.process.pid;
  if (container.status == run::ContainerStatus::created) options.gate = &container.directory.directory();
  options.target_pidfd = TRY(run::open_first_process(container.record));
  options.stdio.inherited = true;
  options.cgroup_entries = TRY(cgroup_entries(container.record, arguments));
  options.personality = config.personality;
  options.detached = detached;
  if (config.seccomp) {
    run::SeccompFilter filter = TRY(run::cached_seccomp_config(*config.seccomp, context.filter_cache()));
    options.seccomp = std::move(filter.program);
    options.seccomp_flags = filter.flags;
    options.agent = config.seccomp;
    options.state = [&record = container.record](std::string_view status, pid_t pid) {
      return hook_state(record, status, pid);
    };
  }
  if (has_socket) options.console_socket = TRY(absolute_path(arguments.value("console-socket")));

  Fd pidfd_socket;
  if (const auto path = arguments.find("pidfd-socket"))
    pidfd_socket = TRY(run::connect_pidfd_socket(TRY(absolute_path(*path))));

  std::optional<SignalQueue> signals;
  if (!detached) signals.emplace(TRY(SignalQueue::open()));
  run::ExecProcess process = TRY(run::ExecProcess::start(std::move(options)));
  log::debug("container '{}': executed in process {}", container.record.id, process.pid());
  if (const auto path = arguments.find("pid-file")) TRY(write_pid_file(*path, process.pid()));
  if (pidfd_socket) TRY(run::send_pidfd(pidfd_socket, process.pidfd()));
  if (detached) {
    process.detach();
    return 0;
  }
  const Foreground program{.pidfd = process.pidfd(),
                           .terminal = process.terminal(),
                           .signal = [&process](int number) { return process.signal(number); },
                           .wait = [&process] { return process.wait(); }};
  return TRY(attend(program, *signals, terminal && !has_socket, Input::standard)).shell_code();
}

std::vector<Flag> exec_flags() {
  return {
      {.name = "console-socket",
       .value = "SOCKET",
       .help = "a unix socket that gets the program's terminal",
       .completion = Completion::file},
      {.name = "pidfd-socket",
       .value = "SOCKET",
       .help = "a unix socket that gets a descriptor of the program's process",
       .completion = Completion::file},
      {.name = "cwd", .value = "DIR", .help = "working directory in the container"},
      {.name = "env",
       .letter = 'e',
       .value = "A=B",
       .help = "add to the environment",
       .occurs = Occurs::often},
      {.name = "tty", .letter = 't', .value = "", .help = "give the program a terminal"},
      {.name = "user", .letter = 'u', .value = "UID[:GID]", .help = "who it runs as"},
      {.name = "additional-gids",
       .letter = 'g',
       .value = "GID",
       .help = "a supplementary group",
       .occurs = Occurs::often},
      {.name = "process",
       .letter = 'p',
       .value = "FILE",
       .help = "all of it: process as in config.json",
       .completion = Completion::file},
      {.name = "detach", .letter = 'd', .value = "", .help = "do not wait for its end"},
      {.name = "pid-file", .value = "FILE", .help = "write its pid there", .completion = Completion::file},
      {.name = "process-label", .value = "LABEL", .help = "its label for SELinux"},
      {.name = "apparmor", .value = "PROFILE", .help = "its profile of AppArmor"},
      {.name = "no-new-privs", .value = "", .help = "it and its children never gain privileges"},
      {.name = "cap",
       .letter = 'c',
       .value = "CAPABILITY",
       .help = "add a capability",
       .occurs = Occurs::often},
      {.name = "preserve-fds", .value = "N", .help = "pass so many descriptors on, from 3 upwards"},
      {.name = "cgroup",
       .value = "[CONTROLLER:]PATH",
       .help = "run it in an existing cgroup below the container's",
       .occurs = Occurs::often},
      {.name = "ignore-paused", .value = "", .help = "also in a paused container, where it waits for resume"},
  };
}

}  // namespace

const RuntimeVerb& runtime_exec_verb() {
  static const RuntimeVerb verb{
      .words = {.name = "runtime exec",
                .operands = "ID [COMMAND [ARG...]]",
                .summary = "Run one more program in a container",
                .flags = exec_flags(),
                .least_operands = 1,
                .order = Order::flags_first},
      .run = run_exec,
      .error_code = 255,
  };
  return verb;
}

}  // namespace ecrin::cli
