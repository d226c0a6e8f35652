#include "cli/run_container.hpp"

#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/container_mounts.hpp"
#include "cli/container_root.hpp"
#include "cli/error_report.hpp"
#include "cli/network_session.hpp"
#include "cli/resource_flags.hpp"
#include "cli/session.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"
#include "run/cgroup_settings.hpp"
#include "run/container.hpp"
#include "run/user_lookup.hpp"

namespace ecrin::cli {
namespace {

constexpr int k_killed = 128 + SIGKILL;

Result<std::string> random_hostname() {
  unsigned char bytes[6];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return fail_errno("cannot get random bytes");
  std::string name;
  for (const unsigned char byte : bytes) name += fmt::format("{:02x}", byte);
  return name;
}

Result<std::string> choose_hostname(const ContainerRequest& request) {
  if (!request.hostname.empty()) return request.hostname;
  if (request.network.mode() != run::NetworkMode::host) return random_hostname();
  char name[65] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return fail_errno("cannot get the host's name");
  return std::string(name);
}

// A read-only root still has the places that programs must write to, as podman has it.
void add_writable_places(oci::RuntimeConfig& config) {
  for (const char* place : {"/run", "/tmp", "/var/tmp"}) {
    const auto same = [place](const oci::RuntimeMount& mount) { return mount.destination == place; };
    if (std::ranges::any_of(config.mounts, same)) continue;
    config.mounts.push_back(
        {.destination = place,
         .type = "tmpfs",
         .source = "tmpfs",
         .options = {"nosuid", "nodev", std::string(place) == "/run" ? "mode=0755" : "mode=1777"}});
  }
}

Result<> apply_user(oci::RuntimeProcess& process, const Fd& rootfs, const std::string& user) {
  const run::UserIdentity identity = TRY(run::look_up_user(rootfs, user));
  process.uid = identity.uid;
  process.gid = identity.gid;
  if (process.uid != 0) process.capabilities.keep_bounding_only();
  process.additional_gids = identity.additional_gids;
  const auto is_home = [](const std::string& line) { return line.starts_with("HOME="); };
  if (std::ranges::none_of(process.env, is_home)) process.env.push_back("HOME=" + identity.home);
  return {};
}

Result<oci::RuntimeConfig> full_config(const ContainerRequest& request, const ContainerRoot& root,
                                       ContainerMounts& mounts) {
  oci::RuntimeConfig config = TRY(runtime_config(request, root.image));
  if (request.terminal) config.process.console_size = terminal_size(TRY(standard_stream(1)));
  const Fd rootfs = TRY(posix::open(root.path, O_PATH | O_DIRECTORY));
  TRY(apply_user(config.process, rootfs, request.user.value_or(root.image.user)));
  config.hostname = TRY(choose_hostname(request));
  const auto is_hostname = [](const std::string& line) { return line.starts_with("HOSTNAME="); };
  if (std::ranges::none_of(config.process.env, is_hostname))
    config.process.env.push_back("HOSTNAME=" + config.hostname);
  TRY(mounts.add(config, request, root.image, rootfs));
  if (request.read_only) add_writable_places(config);
  return config;
}

Result<run::Stdio> standard_streams(const ContainerRequest& request) {
  run::Stdio stdio;
  if (request.terminal) return stdio;
  if (request.interactive) stdio.input = TRY(standard_stream(0));
  stdio.output = TRY(standard_stream(1));
  stdio.error = TRY(standard_stream(2));
  return stdio;
}

// The kernel says nothing to who waits for a process that it killed for want of memory.
Outcome tell_out_of_memory(Session& session, const oci::Resources& resources, int code) {
  const std::string message = run::out_of_memory_message(resources);
  if (code == k_killed)
    return std::unexpected(
        Failure(Error(ErrorKind::limit, message).hint("--memory is the limit of the container"), code));
  session.console().print(
      format_warning("a process of the container was " + message, session.style().colour));
  return code;
}

Outcome run_container(const ContainerRequest& request, const ContainerRoot& root, Session& session,
                      std::shared_ptr<run::CgroupPlace> cgroups, const OpenedNetwork& opened) {
  ContainerMounts mounts = TRY(ContainerMounts::open(*TRY(session.workshop()), ""));
  run::ContainerOptions options;
  options.config = TRY(full_config(request, root, mounts));
  options.rootfs = root.path;
  options.network = request.network.mode();
  options.init = request.init;
  options.cgroups = std::move(cgroups);
  options.stdio = TRY(standard_streams(request));
  const SignalQueue signals = TRY(SignalQueue::open());
  const NetworkedContainer networked{
      .id = TRY(random_hostname()), .name = request.name, .hostname = options.config.hostname};
  const run::ContainerNetwork network =
      TRY(open_network(session, request.network, root.image, networked, opened));
  options.network_namespace = network.network_namespace();
  options.managed_files = network.files();
  auto container = run::Container::start(std::move(options));
  if (!container) {
    const int code = exit_code_of_start(container.error());
    return std::unexpected(Failure(std::move(container).error(), code));
  }
  const std::vector<std::string> points = container->created_mount_points();
  const auto status =
      attend(*container, signals, request.terminal, request.interactive ? Input::standard : Input::none);
  if (request.is_rootfs) remove_made_mount_points(root.path, points);
  if (!status) return std::unexpected(Failure(status.error()));
  if (container->out_of_memory_kills() > 0)
    return tell_out_of_memory(session, request.resources, status->shell_code());
  return status->shell_code();
}

// The name of a running container: nobody else gets it while the lock lives.
Result<NamedLock> lock_container_name(Store& store, const std::string& name) {
  auto lock = TRY(NamedLock::acquire_now(TRY(store.subdirectory("containers")), name + ".lock"));
  if (lock) return *std::move(lock);
  return std::unexpected(
      Error(ErrorKind::conflict, fmt::format("a container with the name '{}' is running", name))
          .hint("take another --name, or stop that one first"));
}

}  // namespace

Outcome run_in_foreground(Session& session, const ContainerRequest& request, const Arguments& arguments) {
  const OpenedNetwork network = TRY(open_network_namespaces(session, request.network));
  const auto cgroups = TRY(open_cgroups(session, request.resources));
  ContainerRoot root =
      TRY(request.is_rootfs ? open_directory_root(request.image)
                            : open_image_root(session, request.image, request.platform, arguments));
  build::Workshop* workshop = TRY(session.workshop());
  std::optional<NamedLock> name;
  if (!request.name.empty()) name.emplace(TRY(lock_container_name(workshop->store(), request.name)));
  Outcome outcome = run_container(request, root, session, cgroups, network);
  if (root.mount.tree) {
    if (const auto finished = root.mount.tree->finish(); !finished && outcome) {
      return std::unexpected(Failure(finished.error()));
    }
  }
  return outcome;
}

}  // namespace ecrin::cli
