#include "cli/containers/launch.hpp"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/atomic_file.hpp"
#include "base/log.hpp"
#include "base/names.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/variables.hpp"
#include "cli/cdi_devices.hpp"
#include "cli/chosen_image.hpp"
#include "cli/container_root.hpp"
#include "cli/containers/accounts.hpp"
#include "cli/containers/exec_request.hpp"
#include "cli/containers/update_request.hpp"
#include "cli/entered_system.hpp"
#include "cli/network_flags.hpp"
#include "cli/pid_file.hpp"
#include "cli/resource_flags.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"
#include "oci/runtime_config_json.hpp"
#include "run/capabilities.hpp"
#include "run/cgroup/cgroup_settings.hpp"
#include "run/seccomp/seccomp.hpp"
#include "run/seccomp/seccomp_config.hpp"
#include "run/user_lookup.hpp"

namespace ecrin::cli {
namespace {

Result<std::string> choose_hostname(const ContainerRequest& request, const std::string& id) {
  if (!request.hostname.empty()) return request.hostname;
  if (request.network.mode() != run::NetworkMode::host && !request.surroundings.shares_uts)
    return std::string(short_id(id));
  char name[65] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return fail_errno("cannot get the host's name");
  return std::string(name);
}

void apply_user(oci::RuntimeProcess& process, const run::UserIdentity& identity) {
  process.uid = identity.uid;
  process.gid = identity.gid;
  if (process.uid != 0) process.capabilities.keep_bounding_only();
  process.additional_gids = identity.additional_gids;
  if (!find_variable(process.env, "HOME")) process.env.push_back("HOME=" + identity.home);
}

// Who is kept has the numbers of outside, unless others were said.
Person person_inside(Person person, const UserMapping& mapping) {
  person.uid = mapping.uid.value_or(person.uid);
  person.gid = mapping.gid.value_or(person.gid);
  return person;
}

bool needs_systemd_cgroup(const ContainerRequest& request) {
  return request.systemd == SystemdMode::always || request.systemd == SystemdMode::boot;
}
// The image's command decides, or the container may do without.
bool may_boot_systemd(const ContainerRequest& request) {
  return request.systemd == SystemdMode::program || boots_systemd(request, {});
}

}  // namespace

Result<StartSurroundings> StartSurroundings::open(Session& session, const ContainerRequest& request,
                                                  Cgroups cgroups) {
  StartSurroundings surroundings;
  if (request.user_mapping.keeps) surroundings.person = this_person(session.environment());
  surroundings.network = TRY(open_network_namespaces(session, request.network));
  const bool for_systemd = needs_systemd_cgroup(request);
  if (!request.resources.empty()) {
    surroundings.cgroups = TRY(open_cgroups(session, request.resources));
  } else if (cgroups == Cgroups::where_possible || for_systemd || may_boot_systemd(request)) {
    auto opened =
        run::CgroupPlace::open({}, service_manager_addresses(session.environment(), session.user()));
    if (!opened && for_systemd)
      return std::unexpected(
          std::move(opened).error().context("looking for a cgroup for systemd in the container"));
    if (opened) {
      surroundings.cgroups = std::move(*opened);
    } else {
      surroundings.no_cgroup = std::move(opened).error();
    }
  } else {
    surroundings.no_cgroup = Error(ErrorKind::unsupported, "it was started in the foreground without limits")
                                 .hint("start it with --detach, or with a limit like --pids-limit");
  }
  return surroundings;
}

Launch::Launch(Session& session, build::Workshop& workshop, const run::StoredContainer& record,
               const ContainerRequest& request, const oci::ImageConfig& image,
               const run::ContainerPlace& place, StartSurroundings& surroundings)
    : m_session(session),
      m_workshop(workshop),
      m_record(record),
      m_request(request),
      m_image(image),
      m_place(place),
      m_cgroups(surroundings.cgroups),
      m_no_cgroup(surroundings.no_cgroup),
      m_resources(request.resources),
      m_ports(record.state.ports),
      m_person(surroundings.person),
      m_opened(surroundings.network),
      m_wanted_network(request.network) {}

Launch::~Launch() {
  ended();
}

Result<> Launch::open_tree() {
  if (m_request.is_rootfs) {
    m_root = TRY(absolute_path(m_request.image));
    TRY(posix::open(m_root, O_PATH | O_DIRECTORY));
    return {};
  }
  ContainerTree tree =
      TRY(open_container_tree(m_workshop, m_record, m_place, m_request.trace ? Traced::yes : Traced::no));
  m_root = std::move(tree.path);
  m_tree = std::move(tree.mount);
  m_traced = tree.traced;
  return {};
}

Result<> Launch::choose_user(run::ContainerOptions& options, const Fd& rootfs) {
  oci::RuntimeConfig& config = options.config;
  const UserMapping& mapping = m_request.user_mapping;
  const Person person = person_inside(m_person, mapping);
  std::string user = m_request.user.value_or(m_image.user);
  if (mapping.keeps) {
    keep_user(config, *TRY(m_session.enter_namespace()), person.uid, person.gid);
    if (!m_request.user) user = fmt::format("{}:{}", person.uid, person.gid);
  }
  run::UserIdentity identity = TRY(run::look_up_user(rootfs, user));
  if (m_request.passwd) {
    std::vector<Person> people;
    if (mapping.keeps) {
      people.push_back(person);
      people.back().shell = "/bin/sh";
      // Their home, where it is mounted.
      std::vector<std::string> places;
      for (const MountSpec& mount : m_request.mounts) places.push_back(mount.destination);
      if (!is_within(person.home, places)) people.back().home = config.process.cwd;
      if (identity.name.empty() && identity.uid == person.uid) identity.home = people.back().home;
    }
    if (identity.name.empty() && identity.uid != 0)
      people.push_back(nameless_person(identity.uid, identity.gid, config.process.cwd));
    if (!people.empty()) options.managed_files = account_files(rootfs, people);
  }
  apply_user(config.process, identity);
  if (auto zone = TRY(time_zone_file(m_request.surroundings)))
    options.managed_files.emplace_back("/etc/localtime", std::move(*zone));
  return add_groups(m_request.surroundings, rootfs, config.process);
}

Result<> Launch::prepare_systemd(oci::RuntimeConfig& config) {
  for (const std::string& line : systemd_variables(m_record.id)) set_variable(config.process.env, line);
  if (m_cgroup) {
    open_cgroup_mount(config);
    const auto uid = id_outside(config.uid_mappings, 0);
    const auto gid = id_outside(config.gid_mappings, 0);
    if (config.uid_mappings.empty() || !uid || !gid) return {};
    return m_cgroup->container().give_to(*uid, *gid);
  }
  const Error reason = m_no_cgroup.value_or(Error(ErrorKind::unsupported, "there is no cgroup for it"));
  if (m_request.systemd != SystemdMode::words)
    return std::unexpected(Error(reason).context("looking for a cgroup for systemd in the container"));
  log::warning("systemd in the container will not work: {}", reason.message());
  return {};
}

// They look at the container by its bundle: the directory with its config.json.
Result<> Launch::prepare_hooks(run::ContainerOptions& options) {
  m_hooks = options.config.hooks;
  if (m_hooks == oci::Hooks{}) return {};
  oci::RuntimeConfig config = options.config;
  config.root_path = m_root;
  AtomicFile file = TRY(AtomicFile::create(m_place.directory(), "config.json", 0600));
  TRY(posix::write_full(file.file(), std::string_view(oci::runtime_config_json(config))));
  TRY(file.commit(AtomicFile::Sync::no));
  options.state = [this](std::string_view status, pid_t pid) { return state_text(status, pid); };
  return {};
}

std::string Launch::state_text(std::string_view status, pid_t pid) const {
  Json state = {{"ociVersion", oci::RuntimeConfig{}.version},
                {"id", m_record.id},
                {"status", std::string(status)},
                {"bundle", m_place.path()}};
  if (pid != 0) state["pid"] = pid;
  return dump_json(state);
}

Result<> Launch::open_cgroup(run::ContainerOptions& options) {
  if (!m_cgroups) return {};
  const auto made = [&]() -> Result<> {
    m_cgroup.emplace(TRY(m_cgroups->create(m_resources)));
    options.cgroup_entries.push_back(TRY(m_cgroup->processes()));
    return {};
  }();
  if (made || !m_resources.empty()) return made;
  // Nobody asked for it.
  m_cgroup.reset();
  m_no_cgroup = made.error();
  return {};
}

Result<run::ContainerOptions> Launch::options(run::Stdio stdio) {
  run::ContainerOptions options{.config = TRY(runtime_config(m_request, m_image)), .rootfs = m_root};
  oci::RuntimeConfig& config = options.config;
  if (m_request.terminal) config.process.console_size = terminal_size(TRY(standard_stream(1)));
  const Fd rootfs = TRY(posix::open(m_root, O_PATH | O_DIRECTORY));
  m_own_home = find_variable(config.process.env, "HOME") != nullptr;
  m_capabilities = config.process.capabilities;
  TRY(choose_user(options, rootfs));
  const std::string hostname = TRY(choose_hostname(m_request, m_record.id));
  if (!m_request.surroundings.shares_uts) config.hostname = hostname;
  if (!find_variable(config.process.env, "HOSTNAME")) config.process.env.push_back("HOSTNAME=" + hostname);
  m_mounts.emplace(TRY(ContainerMounts::open(m_workshop, m_record.id)));
  TRY(m_mounts->add(config, m_request, m_image, rootfs));
  options.network = m_request.network.mode();
  options.init = m_request.init;
  TRY(open_cgroup(options));
  if (boots_systemd(m_request, m_image)) {
    options.init = false;
    TRY(prepare_systemd(config));
  }
  options.stdio = std::move(stdio);
  const NetworkedContainer networked{
      .id = m_record.id, .name = m_record.name, .hostname = hostname, .earlier_ports = m_ports};
  m_network.emplace(TRY(open_network(m_session, m_wanted_network, m_image, networked, m_opened)));
  m_ports = m_network->ports();
  options.network_namespace = m_network->network_namespace();
  const auto& files = m_network->files();
  options.managed_files.insert(options.managed_files.end(), files.begin(), files.end());
  build::RunSettings settings = m_request.settings;
  settings.resources = m_resources;
  build::apply(settings, options);
  if (m_request.security.labels)
    log::warning("labels of SELinux are not set: 'label' of --security-opt does nothing");
  TRY(choose_seccomp(m_request.security, config));
  m_seccomp = config.seccomp;
  for (const oci::CdiEdits& edits : TRY(find_cdi_devices(m_request.cdi_devices, m_request.cdi_directories)))
    oci::apply_cdi_edits(edits, config);
  TRY(prepare_hooks(options));
  m_process = config.process;
  return options;
}

Result<run::Container> Launch::start(run::Stdio stdio) {
  TRY(support_programs(m_session, m_image, m_request.platform));
  TRY(open_tree());
  auto started = run::Container::start(TRY(options(std::move(stdio))));
  if (!started && ran_out_of_memory())
    return fail(ErrorKind::limit, "the set-up of the container was {}",
                run::out_of_memory_message(m_resources));
  run::Container container = TRY(std::move(started));
  m_has_run = true;
  m_mount_points = container.created_mount_points();
  for (const std::string& lack : container.lacks()) log::warning("{}", lack);
  run::run_late_hooks(m_hooks.poststart, "poststart", state_text("running", container.pid()));
  const LifeRequest& life = m_request.life;
  if (!life.pid_file.empty()) TRY(write_pid_file(life.pid_file, container.pid()));
  if (!life.monitor_pid_file.empty()) TRY(write_pid_file(life.monitor_pid_file, ::getpid()));
  return container;
}

Result<run::ExecProcess> Launch::exec(const Json& json, run::Stdio stdio, const run::Container& container) {
  const ExecRequest request = TRY(decode_exec_request(json));
  run::ExecOptions options{.target = container.pid(), .process = m_process, .stdio = std::move(stdio)};
  options.target_pidfd = TRY(container.pidfd().duplicate());
  options.owners = container.owners();
  options.plain_root = container.plain_root();
  if (m_cgroup) options.cgroup_entries = TRY(m_cgroup->container().processes(container.pid()));
  oci::RuntimeProcess& process = options.process;
  process.args = request.args;
  process.terminal = request.terminal;
  process.console_size = request.size;
  if (request.workdir) process.cwd = *request.workdir;
  if (request.privileged)
    process.capabilities =
        oci::Capabilities::of(TRY(choose_capabilities(oci::default_capabilities(), {"ALL"}, {})));
  if (request.user) {
    // The home of the other user, unless the container was given one.
    if (!m_own_home) erase_variable(process.env, "HOME");
    if (!request.privileged) process.capabilities = m_capabilities;
    const Fd rootfs = TRY(posix::open(m_root, O_PATH | O_DIRECTORY));
    apply_user(process, TRY(run::look_up_user(rootfs, *request.user)));
  }
  if (request.terminal && !find_variable(process.env, "TERM")) process.env.emplace_back("TERM=xterm");
  for (const std::string& assignment : request.env) set_variable(process.env, assignment);
  if (!request.privileged) {
    // The same as the container's.
    run::SeccompFilter filter;
    if (m_seccomp)
      filter = TRY(run::compile_seccomp_config(*m_seccomp));
    else if (m_request.security.seccomp == SecurityOptions::Seccomp::usual)
      filter.program = TRY(run::seccomp_filter(TRY(run::parse_capabilities(process.capabilities.bounding))));
    options.seccomp = std::move(filter.program);
    options.seccomp_flags = filter.flags;
  }
  return run::ExecProcess::start(std::move(options));
}

bool Launch::ran_out_of_memory() const {
  return m_cgroup && m_cgroup->out_of_memory_kills() > 0;
}

Result<const run::Cgroup*> Launch::cgroup() const {
  if (m_cgroup) return &*m_cgroup;
  const Error reason = m_no_cgroup.value_or(Error(ErrorKind::unsupported, "it does not run"));
  return std::unexpected(Error(reason.kind(), "the container has no cgroup of its own: " + reason.message())
                             .hint(reason.hint_text()));
}

Result<> Launch::update(const std::vector<std::string>& words) {
  LimitChange change = TRY(parse_limit_change(words));
  const run::Cgroup* own = TRY(cgroup());
  TRY(own->limit(change.change));
  m_resources = std::move(change.all);
  return {};
}

// Its nameservers are others now. What the user mounted there stays as it is.
Result<> Launch::renew_resolver(const run::Container& container) const {
  constexpr std::string_view k_path = "/etc/resolv.conf";
  for (const MountSpec& mount : m_request.mounts)
    if (mount.destination == k_path || k_path.starts_with(mount.destination + "/")) return {};
  const Fd root = TRY(posix::open(fmt::format("/proc/{}/root", container.pid()), O_PATH | O_DIRECTORY));
  const auto file = posix::open_in_root(root, k_path, O_WRONLY | O_NONBLOCK);
  if (!file) return {};  // the image has no place for it
  if (!S_ISREG(TRY(posix::stat_fd(*file)).st_mode)) return {};
  if (::ftruncate(file->get(), 0) != 0) return fail_errno("cannot write the container's resolv.conf");
  return posix::write_full(*file, std::string_view(m_network->resolv_conf()));
}

Result<> Launch::connect(const std::string& network, const run::Container& container) {
  run::NetworkAttachment attachment = TRY(parse_named_network(network));
  if (m_wanted_network.kind != run::NetworkRequest::Kind::named || !m_network)
    return fail(ErrorKind::unsupported, "the container is on no named network");
  const run::NetworkStore store = TRY(run::NetworkStore::open(TRY(m_session.root())));
  run::UsedNetwork used = TRY(store.use(attachment.network));
  TRY(m_network->connect(used.config, attachment));
  m_opened.networks.push_back(std::move(used));
  m_wanted_network.attachments.push_back(std::move(attachment));
  return renew_resolver(container);
}

Result<> Launch::disconnect(const std::string& network, const run::Container& container) {
  const auto found = std::ranges::find_if(
      m_opened.networks, [&network](const auto& used) { return used.config.name == network; });
  if (found == m_opened.networks.end() || !m_network)
    return fail(ErrorKind::not_found, "the container is not on the network '{}'", printable(network, 200));
  TRY(m_network->disconnect(network));
  m_wanted_network.attachments.erase(m_wanted_network.attachments.begin() +
                                     (found - m_opened.networks.begin()));
  m_opened.networks.erase(found);
  return renew_resolver(container);
}

void Launch::ended() {
  run::run_late_hooks(std::exchange(m_hooks, {}).poststop, "poststop", state_text("stopped", 0));
  if (m_request.is_rootfs && !m_mount_points.empty()) remove_made_mount_points(m_root, m_mount_points);
  m_mount_points.clear();
  m_cgroup.reset();
  m_network.reset();
  m_mounts.reset();
  if (m_tree) {
    if (const auto finished = m_tree->finish(); !finished)
      log::warning("the tree of container '{}' cannot be taken down: {}", m_record.name,
                   finished.error().message());
  }
  if (m_traced && m_has_run) {
    const auto kept = keep_trace(m_workshop, m_record, *m_traced);
    m_trouble = kept ? "" : "what the container used was not recorded: " + kept.error().message();
  }
  m_traced = nullptr;
  m_has_run = false;
  m_tree.reset();
}

}  // namespace ecrin::cli
