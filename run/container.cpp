#include "run/container.hpp"

#include <linux/seccomp.h>
#include <signal.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/file_owners.hpp"
#include "run/bind_source.hpp"
#include "run/cgroup/cgroup_hierarchies.hpp"
#include "run/cgroup/cgroup_settings.hpp"
#include "run/chroot/chroot_start.hpp"
#include "run/chroot/placed_files.hpp"
#include "run/console_socket.hpp"
#include "run/gate.hpp"
#include "run/owners/owner_supervisor.hpp"
#include "run/plan/namespace_plan.hpp"
#include "run/plan/plan_facts.hpp"
#include "run/plan/refusal.hpp"
#include "run/plan/setup_plan.hpp"
#include "run/process_stat.hpp"
#include "run/seccomp/seccomp.hpp"
#include "run/seccomp/seccomp_config.hpp"
#include "run/seccomp/seccomp_listener.hpp"
#include "run/stage_process.hpp"
#include "run/user_namespace_maps.hpp"

namespace ecrin::run {
namespace {

// Sources are opened here, where "/proc/self/fd/N" of the caller means what the caller means, and as detached
// mounts, which a descriptor carries into the stage's mount namespace.
Result<> open_bind_sources(StageRequest& stage, const ContainerPlan& plan) {
  if (!may_mount_here()) {  // then the stage does it, as root of its new user namespace
    if (plan.id_mapped.empty()) return {};
    return fail(ErrorKind::denied, "a mount with mapped ids takes privileges, which this process has not");
  }
  for (std::size_t index = 0; index < stage.plan.ops.size(); ++index) {
    SetupOp& op = stage.plan.ops[index];
    if (op.kind != SetupKind::bind) continue;
    op.descriptor = TRY(stage.hand_down(TRY(open_bind_source(op, find_id_mapped(plan, index)))));
  }
  return {};
}

// All other namespaces take privileges, which an ordinary user has in a user namespace only.
Result<> check_rights(const oci::RuntimeConfig& config) {
  if (may_mount_here() || oci::find_namespace(config, oci::Namespace::user)) return {};
  auto error = fail(ErrorKind::denied, "this user may make no container without a user namespace");
  return std::unexpected(std::move(error).error().hint(
      "linux.namespaces of config.json needs one, with linux.uidMappings and linux.gidMappings"));
}

// As the container sees it.
pid_t pid_inside(pid_t process) {
  // It may be hidden (hidepid) when it is another user's by now.
  const auto status = posix::read_file(fmt::format("/proc/{}/status", process), 64 * 1024);
  const pid_t inner = parse_inner_pid(status.value_or(""));
  return inner != 0 ? inner : process;
}

Result<SeccompFilter> choose_filter(const ContainerOptions& options) {
  const oci::RuntimeConfig& config = options.config;
  SeccompFilter filter;
  if (config.default_seccomp) {
    filter.program = TRY(seccomp_filter(TRY(parse_capabilities(config.process.capabilities.bounding))));
  } else if (config.seccomp) {
    filter = options.seccomp_cache.empty()
                 ? TRY(compile_seccomp_config(*config.seccomp))
                 : TRY(cached_seccomp_config(*config.seccomp, options.seccomp_cache));
  }
  return filter;
}

}  // namespace

struct Container::State {
  std::optional<Cgroup> cgroup;  // outlives its processes
  std::optional<PrivateNetwork> network;
  oci::Resources resources;
  std::shared_ptr<OwnerSupervisor> owners;  // answers as long as its programs ask
  std::optional<PlacedFiles> files;         // are taken away after the program's end
  std::optional<StageProcess> stage;
  pid_t pid = -1;
  std::vector<std::string> lacks;
  std::string plain_root;

  Result<StageProcess::Reached> start(ContainerOptions options, const Fd* state_directory);
  Result<> start_in_directory(ContainerOptions options);
  Result<> add_cgroup(ContainerOptions& options);
  Result<> spawn(StageRequest request, bool has_memory_limit);
  Result<StageProcess::Reached> follow(const ContainerOptions& options);
};

Container::Container(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Container::Container(Container&&) noexcept = default;
Container::~Container() = default;

Result<Container> Container::start(ContainerOptions options) {
  auto state = std::make_unique<State>();
  if (may_only_change_root(options.config))
    TRY(state->start_in_directory(std::move(options)));
  else
    TRY(state->start(std::move(options), nullptr));
  return Container(std::move(state));
}

Result<Container> Container::create(ContainerOptions options, const Fd& state_directory) {
  auto state = std::make_unique<State>();
  const auto* network = oci::find_namespace(options.config, oci::Namespace::network);
  options.network = network ? NetworkMode::none : NetworkMode::host;
  if (TRY(state->start(std::move(options), &state_directory)) != StageProcess::Reached::gate)
    return fail(ErrorKind::invalid, "the container did not wait to be started");
  return Container(std::move(state));
}

Result<> Container::State::add_cgroup(ContainerOptions& options) {
  if (options.config.resources.empty() || !options.cgroup_entries.empty()) return {};
  if (!options.cgroups)
    return fail(ErrorKind::unsupported, "the container has limits, and there is no cgroup for it");
  resources = options.config.resources;
  cgroup.emplace(TRY(options.cgroups->create(resources)));
  options.cgroup_entries.push_back(TRY(cgroup->processes()));
  return {};
}

Result<> Container::State::spawn(StageRequest request, bool has_memory_limit) {
  auto spawned = StageProcess::spawn(std::move(request));
  if (!spawned && has_memory_limit && spawned.error().code() == ENOMEM)
    return std::unexpected(
        std::move(spawned).error().hint("the limit of memory is too small for a container"));
  stage = TRY(std::move(spawned));
  return {};
}

Result<StageProcess::Reached> Container::State::follow(const ContainerOptions& options) {
  const oci::RuntimeConfig& config = options.config;
  const StageProcess::Answers answers{
      .write_maps =
          [&](pid_t process) {
            return write_id_maps(process, id_map_of(config.uid_mappings), id_map_of(config.gid_mappings),
                                 options.search_path);
          },
      .run_hooks = [&](pid_t process) -> Result<HookStates> {
        const std::string creating = options.state("creating", process);
        TRY(run_hooks(config.hooks.prestart, "prestart", creating));
        TRY(run_hooks(config.hooks.create_runtime, "createRuntime", creating));
        const pid_t inside = pid_inside(process);
        HookStates states{.creating = options.state("creating", inside),
                          .created = options.state("created", inside)};
        if (config.seccomp) states.listener = TRY(seccomp_listener_state(*config.seccomp, process, creating));
        return states;
      }};
  auto reached = stage->follow(answers);
  if (!reached && cgroup && cgroup->out_of_memory_kills() > 0)
    return fail(ErrorKind::limit, "the set-up of the container was {}", out_of_memory_message(resources));
  return reached;
}

Result<> Container::State::start_in_directory(ContainerOptions options) {
  TRY(add_cgroup(options));
  SeccompFilter filter = TRY(choose_filter(options));
  ChrootStart prepared = TRY(prepare_chroot(options, std::move(filter)));
  owners = std::move(prepared.calls);
  files.emplace(std::move(prepared.files));
  lacks.push_back(std::move(prepared.lack));
  plain_root = options.rootfs;
  prepared.stage.cgroups = &options.cgroup_entries;
  TRY(spawn(std::move(prepared.stage), options.config.resources.memory.limit.has_value()));
  TRY(follow(options));
  stage->created_mount_points() = files->created();
  pid = stage->child().pid();
  return {};
}

Result<StageProcess::Reached> Container::State::start(ContainerOptions options, const Fd* state_directory) {
  // A container with a user namespace of its own has its ids from whoever made it.
  const bool keeps_owners =
      fs::owners_are_recorded() && !oci::find_namespace(options.config, oci::Namespace::user);
  std::optional<HostFiles> name;
  if (!state_directory && !options.config.hostname.empty() && !may_set_host_name())
    name = HostFiles{.root = {}, .hostname = std::exchange(options.config.hostname, {})};
  if (keeps_owners || name)
    owners = std::make_shared<OwnerSupervisor>(
        keeps_owners ? OwnerSupervisor::Owners::kept : OwnerSupervisor::Owners::left, std::move(name));
  std::uint64_t ids_number = 0;
  if (owners) ids_number = TRY(owners->take_ids(options.config.process));
  const oci::RuntimeConfig& config = options.config;
  TRY(check_rights(config));
  const Fd* network_namespace = options.network_namespace;
  Fd console;
  if (config.process.terminal && !options.console_socket.empty())
    console = TRY(connect_console_socket(options.console_socket));
  TRY(add_cgroup(options));
  if (options.network == NetworkMode::private_network && !network_namespace) {
    network = TRY(PrivateNetwork::create(Command{}.search_path));
    network_namespace = &network->network_namespace();
  }

  PlanRequest request{.rootfs = std::move(options.rootfs),
                      .bundle = options.bundle,
                      .network = options.network,
                      .joins_network = network_namespace != nullptr,
                      .init = options.init,
                      .managed_files = std::move(options.managed_files),
                      .seccomp = {},
                      .no_pivot = options.no_pivot,
                      .accepts_host_proc = state_directory == nullptr};
  SeccompFilter filter = TRY(choose_filter(options));
  request.seccomp = std::move(filter.program);
  request.seccomp_flags = filter.flags;
  PlanFacts facts = TRY(plan_facts(config));
  facts.cgroups = read_cgroup_hierarchies(config);
  facts.leaves_out_groups = state_directory == nullptr;
  ContainerPlan plan = TRY(make_setup_plan(config, facts, request));
  plan.setup.process.new_keyring = options.new_keyring;
  if (plan.setup.reports_prepared && !options.state)
    return fail(ErrorKind::unsupported,
                "the container has hooks or a seccomp listener, and there is no state for them");

  StageRequest stage_request{.plan = std::move(plan.setup),
                             .clone_namespaces = plan.clone_namespaces,
                             .network_namespace = network_namespace,
                             .cgroups = &options.cgroup_entries,
                             .stdio = std::move(options.stdio),
                             .preserved_descriptors = options.preserved_descriptors,
                             .detached = options.detached};
  for (OpenNamespace& joined : TRY(open_joined_namespaces(config))) {
    const int number = TRY(stage_request.hand_down(std::move(joined.file)));
    stage_request.plan.entry.joined.push_back({.kind = joined.flag, .descriptor = number});
  }
  TRY(open_bind_sources(stage_request, plan));
  if (request.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
    stage_request.plan.listener = TRY(stage_request.hand_down(TRY(connect_seccomp_agent(*config.seccomp))));
  if (owners) TRY(owners->supervise(stage_request, ids_number));
  if (state_directory)
    stage_request.plan.gate = TRY(stage_request.hand_down(TRY(make_gate(*state_directory))));
  TRY(spawn(std::move(stage_request), config.resources.memory.limit.has_value()));
  const auto reached = TRY(follow(options));
  pid = stage->child().pid();
  if (stage->shows_host_proc())
    lacks.push_back("the container's /proc is the one of the container around it; " +
                    masked_proc_hint(facts.outer));
  if (console) TRY(send_console(console, std::exchange(stage->terminal(), Fd()), stage->terminal_name()));
  return reached;
}

pid_t Container::pid() const {
  return m_state->pid;
}
const Fd& Container::terminal() const {
  return m_state->stage->terminal();
}
const Fd& Container::pidfd() const {
  return m_state->stage->child().pidfd();
}
const std::vector<std::string>& Container::created_mount_points() const {
  return m_state->stage->created_mount_points();
}
std::uint64_t Container::out_of_memory_kills() const {
  return m_state->cgroup ? m_state->cgroup->out_of_memory_kills() : 0;
}
const std::string& Container::plain_root() const {
  return m_state->plain_root;
}
const std::vector<std::string>& Container::lacks() const {
  return m_state->lacks;
}
const std::shared_ptr<OwnerSupervisor>& Container::owners() const {
  return m_state->owners;
}
Result<> Container::signal(int number) {
  return number == SIGKILL ? m_state->stage->kill() : m_state->stage->child().signal(number);
}
Result<ExitStatus> Container::wait() {
  return m_state->stage->child().wait();
}
void Container::detach() {
  m_state->stage->child().detach();
}

}  // namespace ecrin::run
