// RUN: a container on a writable mount of the tree below; what it changed becomes the layer.
#include <poll.h>
#include <signal.h>

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/variables.hpp"
#include "build/executor.hpp"
#include "build/run_mounts.hpp"
#include "build/traced_step.hpp"
#include "run/cgroup/cgroup_settings.hpp"
#include "run/container.hpp"
#include "run/network/network_counters.hpp"
#include "run/user_lookup.hpp"

namespace ecrin::build {

namespace {

// The same for every build everywhere: programs write their host's name into what they make.
constexpr const char* k_hostname = "build";
constexpr int k_poll_milliseconds = 100;

std::vector<std::string> environment(const Session& session, const StepScope& scope,
                                     const recipes::RunStep& run, const run::UserIdentity& user,
                                     const RunMounts& mounts, std::vector<std::string> environment) {
  if (!find_variable(environment, "HOME")) set_variable(environment, "HOME", user.home);
  if (!session.options.current_time && !find_variable(environment, "SOURCE_DATE_EPOCH")) {
    set_variable(environment, "SOURCE_DATE_EPOCH", std::to_string(session.time.clamp));
  }
  // Of this host, so neither in keys nor in images; what the recipe says wins.
  for (const auto& [name, value] : session.options.proxy_environment) {
    if (!find_variable(scope.step.before->env, name)) set_variable(environment, name, value);
  }
  for (const auto& [name, value] : run.env) set_variable(environment, name, value);
  for (const auto& [name, value] : mounts.environment()) set_variable(environment, name, value);
  return environment;
}

struct Network {
  run::NetworkMode mode = run::NetworkMode::none;
  std::optional<run::NetworkPool::Lease> lease;
};

Result<Network> choose_network(const Session& session, StepNetworks& networks, const StepScope& scope,
                               recipes::StepNetwork wanted) {
  using recipes::StepNetwork;
  Network network;
  network.mode = wanted == StepNetwork::inherit ? session.options.network
                 : wanted == StepNetwork::none  ? run::NetworkMode::none
                 : wanted == StepNetwork::host  ? run::NetworkMode::host
                                                : run::NetworkMode::private_network;
  if (network.mode != run::NetworkMode::private_network) return network;
  auto lease = networks.acquire();
  if (lease) {
    network.lease.emplace(std::move(*lease));
    return network;
  }
  // A recipe that asks for a private network means it; a default does not stop a build.
  if (wanted == StepNetwork::private_network) return std::unexpected(std::move(lease).error());
  scope.note(fmt::format("steps use the host's network: {}", lease.error().message()));
  network.mode = run::NetworkMode::host;
  return network;
}

// Did the step talk to anybody? Where that cannot be told it did.
class NetworkWatch {
public:
  explicit NetworkWatch(const Network& network) : m_network(network) { m_before = counters(); }
  bool saw_use() const {
    if (m_network.mode == run::NetworkMode::none) return false;
    const auto now = counters();
    return !m_before || !now || *m_before != *now;
  }

private:
  std::optional<run::NetworkCounters> counters() const {
    if (!m_network.lease) return std::nullopt;
    auto found = run::network_counters(m_network.lease->network().network_namespace());
    return found ? std::optional(*found) : std::nullopt;
  }
  const Network& m_network;
  std::optional<run::NetworkCounters> m_before;
};

// Passes on what the container prints until it closes the pipe; a wish to stop kills the container.
Result<> follow_output(run::Container& container, const Fd& pipe, const StepScope& scope, SecretMask mask) {
  std::vector<std::byte> buffer(64 * 1024);
  const auto tell = [&](const std::string& text) {
    if (!text.empty()) scope.output(text);
  };
  while (true) {
    if (scope.stop.cancelled()) {
      (void)container.signal(SIGKILL);  // it may be gone already; its destructor waits for it
      return scope.stop.check();
    }
    struct pollfd ready = {.fd = pipe.get(), .events = POLLIN, .revents = 0};
    const int count = ::poll(&ready, 1, k_poll_milliseconds);
    if (count < 0 && errno != EINTR) return fail_errno("cannot wait for output");
    if (count <= 0) continue;
    const std::size_t size = TRY(posix::read_some(pipe, buffer));
    if (size == 0) {
      tell(mask.finish());
      return {};
    }
    tell(mask.add({reinterpret_cast<const char*>(buffer.data()), size}));
  }
}

Result<run::ContainerOptions> make_options(Session& session, const StepScope& scope,
                                           const recipes::RunStep& run, const TreeMount& mount,
                                           const RunMounts& mounts, const Network& network) {
  const oci::ImageConfig& config = *scope.step.before;
  run::ContainerOptions options;
  options.config = oci::default_runtime_config(config);
  options.rootfs = mount.tree->path();
  const Fd root = TRY(posix::open(options.rootfs, O_RDONLY | O_DIRECTORY));
  const run::UserIdentity user = TRY(run::look_up_user(root, run.user.empty() ? config.user : run.user));

  oci::RuntimeProcess& process = options.config.process;
  process.args = run_arguments(run, scope.step.shell);
  process.env = environment(session, scope, run, user, mounts, process.env);
  process.cwd = config.working_dir.empty() ? "/" : config.working_dir;
  process.uid = user.uid;
  process.gid = user.gid;
  process.additional_gids = user.additional_gids;
  process.umask = 0022;  // whatever the user's shell has
  // Package managers and `su` need to change user inside; there is nothing outside to protect from it.
  process.no_new_privileges = false;
  options.config.hostname = k_hostname;

  options.network = network.mode;
  std::string nameserver;
  if (network.lease) {
    options.network_namespace = &network.lease->network().network_namespace();
    nameserver = network.lease->network().nameserver();
  }
  const auto host_resolv_conf = posix::read_file("/etc/resolv.conf", 1u << 20);
  options.managed_files = {
      {"/etc/resolv.conf",
       run::container_resolv_conf(host_resolv_conf ? *host_resolv_conf : "", network.mode, nameserver)},
      {"/etc/hosts", run::container_hosts(k_hostname)},
      {"/etc/hostname", std::string(k_hostname) + "\n"},
  };
  apply(session.options.run, options);
  options.copies_binds = true;
  options.kept_sources = mounts.kept_sources();
  return options;
}

}  // namespace

Result<run::NetworkPool::Lease> StepNetworks::acquire() {
  {
    const std::scoped_lock lock(m_mutex);
    if (m_refusal) return std::unexpected(*m_refusal);
  }
  auto lease = m_pool.acquire();
  if (!lease) {
    const std::scoped_lock lock(m_mutex);
    if (!m_refusal) m_refusal = lease.error();
    return std::unexpected(*m_refusal);
  }
  return lease;
}

Result<ProgramEnd> run_program(Session& session, StepNetworks& networks, const StepScope& scope,
                               const recipes::RunStep& run, const TreeMount& mount,
                               const StepProgram* program, bool is_traced) {
  // Mounts, locks and the network go before the tree is taken down.
  RunMounts mounts(session, scope);
  if (is_traced) mounts.record_use();
  TRY(mounts.lock_caches(run.mounts));
  for (std::size_t i = 0; i < run.mounts.size(); ++i) {
    TRY_WHILE(mounts.add(run.mounts[i], i), "preparing the mount of '{}'", printable(run.mounts[i].target));
  }
  if (const auto* script = std::get_if<recipes::InlineFile>(&run.command)) {
    TRY_WHILE(mounts.add_script(*script), "preparing the script '{}'", printable(script->name));
  }
  ProgramEnd end;
  end.secrets = session.secrets.guarded(mounts.secrets());
  const Network network = TRY(choose_network(session, networks, scope, run.network));
  std::optional<NetworkWatch> watch;
  if (is_traced && !run.has_pinned_network) watch.emplace(network);
  run::ContainerOptions options = TRY(make_options(session, scope, run, mount, mounts, network));
  for (oci::RuntimeMount& extra : mounts.mounts()) options.config.mounts.push_back(std::move(extra));
  Pipe pipe;
  if (program) {
    TRY(program->prepare(options));
  } else {
    pipe = TRY(Pipe::create());
    options.stdio.error = TRY(pipe.write.duplicate());
    options.stdio.output = std::move(pipe.write);
  }
  run::Container container = TRY(run::Container::start(std::move(options)));
  for (const std::string& lack : container.lacks()) scope.note(lack);
  if (!program) TRY(follow_output(container, pipe.read, scope, SecretMask(end.secrets)));
  end.status = TRY(program ? program->attend(container) : container.wait());
  end.mount_points = container.created_mount_points();
  end.out_of_memory_kills = container.out_of_memory_kills();
  if (watch) end.used_network = watch->saw_use();
  if (is_traced && end.status.success()) end.used_files = TRY(mounts.finish_use());
  return end;
}

Result<StepOutcome> execute_run(Session& session, StepNetworks& networks, const StepScope& scope,
                                const recipes::RunStep& run) {
  const std::vector<fs::Layer> layers = TRY(session.directories(scope.below, scope.stop));
  std::optional<TracedMount> traced;
  if (!layers.empty() && session.options.cache == CacheUse::traced && untraceable(session, run).empty()) {
    auto mounted = mount_traced(session, layers, scope.stop);
    if (mounted)
      traced.emplace(std::move(*mounted));
    else if (mounted.error().kind() == ErrorKind::cancelled)
      return std::unexpected(std::move(mounted).error());
    else
      scope.note("steps run without a trace of what they use: " + mounted.error().message());
  }
  TreeMount mount =
      traced ? std::move(traced->mount) : TRY(mount_layers(session.workshop, layers, Access::step));
  auto end = run_program(session, networks, scope, run, mount, nullptr, traced.has_value());
  if (!end) {
    const ErrorKind kind = end.error().kind();
    if (kind == ErrorKind::program_not_found || kind == ErrorKind::program_not_executable) {
      keep_failed_step(session, scope, run, std::move(mount),
                       {.exit_code = kind == ErrorKind::program_not_found ? 127 : 126});
    }
    return std::unexpected(std::move(end).error());
  }
  if (!end->status.success()) {
    scope.failure.exit_code = end->status.shell_code();
    keep_failed_step(session, scope, run, std::move(mount),
                     {.exit_code = scope.failure.exit_code,
                      .mount_points = std::move(end->mount_points),
                      .secrets = std::move(end->secrets)});
    std::string how = "failed with " + end->status.to_string();
    if (end->out_of_memory_kills > 0)
      how += "; a process was " + run::out_of_memory_message(session.options.run.resources);
    return fail(ErrorKind::system, "step {} of stage '{}' {}", session.number_of(*scope.step.plan),
                printable(session.plan.stages[scope.step.plan->stage].stage->name), how);
  }
  if (end->out_of_memory_kills > 0)
    scope.note("a process of the step was " + run::out_of_memory_message(session.options.run.resources));
  TRY(mount.tree->finish());
  std::optional<fs::ImageTrace> trace;
  if (traced && end->used_files && (run.has_pinned_network || !end->used_network)) {
    trace = TRY(trace_of(session, *traced->tree, scope.stop));
    trace->insert(trace->end(), end->used_files->begin(), end->used_files->end());
    std::ranges::sort(*trace, {}, &fs::TracedPath::path);
  }
  mount.tree.reset();
  fs::LowerTree lower = TRY(lower_tree(session, scope));
  const GuardedSecrets& secrets = end->secrets;
  auto outcome =
      publish_changes(session, std::move(*mount.draft), lower, std::move(end->mount_points), scope.stop,
                      session.options.allow_secret_in_layer ? GuardedSecrets{} : secrets);
  if (!outcome) return std::unexpected(without_secrets(outcome.error(), secrets));
  outcome->trace = std::move(trace);
  return outcome;
}

}  // namespace ecrin::build
