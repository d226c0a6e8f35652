#include "cli/run_container.hpp"

#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/image_steps.hpp"
#include "cli/error_report.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/network_session.hpp"
#include "cli/registries.hpp"
#include "cli/resource_flags.hpp"
#include "cli/session.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"
#include "cli/volumes.hpp"
#include "run/cgroup_settings.hpp"
#include "run/container.hpp"
#include "run/user_lookup.hpp"

namespace ecrin::cli {
namespace {

constexpr int k_killed = 128 + SIGKILL;

// The tree that the container runs on: an image's layers with an upper directory, or a directory of the
// user's.
struct Root {
  std::string path;
  oci::ImageConfig image;
  build::TreeMount mount;
};

Result<Root> open_image(Session& session, const ContainerRequest& request, const Arguments& arguments) {
  // Only this part may take long and has no program yet that could be told: here a signal stops ecrin itself.
  const Interrupts interrupts;
  const build::PullPolicy policy = TRY(pull_policy(arguments, "pull"));
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  build::Workshop& workshop = *TRY(session.workshop());
  const ProgressKind progress = arguments.on("quiet") ? ProgressKind::quiet : ProgressKind::automatic;
  const auto obtain = image_obtainer(session, workshop, *registries, policy, progress);
  const StepName name = TRY(parse_step_name(request.image));
  const oci::Platform wanted = request.platform.value_or(oci::Platform::host());
  const oci::ImageRecord record = TRY(obtain(name.image, wanted, interrupts.token()));
  oci::Image image = TRY(workshop.images().load(record.manifest));
  if (!wanted.accepts(image.config.platform))
    log::warning("'{}' is an image for {}, not for {}", printable(request.image, 300),
                 printable(image.config.platform.to_string(), 100), wanted.to_string());
  if (name.step) {
    build::ImageAtStep at = TRY(build::image_at_step(workshop.store().database(), image, *name.step));
    if (!at.settings_known)
      session.console().print(
          "note: the image was not built here: environment, user and work directory are those "
          "of the whole image");
    image = std::move(at.image);
  }
  const std::vector<fs::Layer> layers =
      TRY_WHILE(workshop.unpack(image, &interrupts.token()), "unpacking {}", printable(request.image));
  build::TreeMount mount = TRY(build::mount_layers(workshop, layers, build::Access::writable));
  std::string path = mount.tree->path();
  return Root{.path = std::move(path), .image = image.config, .mount = std::move(mount)};
}

Result<Root> open_directory(const ContainerRequest& request) {
  std::string path = TRY(absolute_path(request.image));
  TRY(posix::open(path, O_PATH | O_DIRECTORY));
  return Root{.path = std::move(path), .image = {}, .mount = {}};
}

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

Result<oci::RuntimeMount> runtime_mount(const MountSpec& spec, Volumes& volumes, const Fd& rootfs) {
  oci::RuntimeMount mount{
      .destination = spec.destination, .type = "bind", .source = "", .options = spec.options};
  if (spec.type == MountSpec::Type::tmpfs) {
    mount.type = "tmpfs";
    mount.source = "tmpfs";
  } else if (spec.type == MountSpec::Type::volume) {
    mount.source = TRY(volumes.open(spec.source, rootfs, spec.destination));
  } else {
    mount.source = TRY(absolute_path(spec.source));
    const auto there = posix::open(mount.source, O_PATH);
    if (!there) {
      return std::unexpected(
          Error(there.error())
              .context("looking for what shall be mounted on " + printable(spec.destination)));
    }
  }
  return mount;
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

Result<oci::RuntimeConfig> full_config(const ContainerRequest& request, const Root& root, Volumes& volumes) {
  oci::RuntimeConfig config = TRY(runtime_config(request, root.image));
  if (request.terminal) config.process.console_size = terminal_size(TRY(standard_stream(1)));
  const Fd rootfs = TRY(posix::open(root.path, O_PATH | O_DIRECTORY));
  TRY(apply_user(config.process, rootfs, request.user.value_or(root.image.user)));
  config.hostname = TRY(choose_hostname(request));
  const auto is_hostname = [](const std::string& line) { return line.starts_with("HOSTNAME="); };
  if (std::ranges::none_of(config.process.env, is_hostname))
    config.process.env.push_back("HOSTNAME=" + config.hostname);
  for (const MountSpec& spec : request.mounts) {
    // The user's mount takes the place of a default one (/dev/shm, for instance).
    std::erase_if(config.mounts,
                  [&spec](const oci::RuntimeMount& mount) { return mount.destination == spec.destination; });
    config.mounts.push_back(TRY(runtime_mount(spec, volumes, rootfs)));
  }
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

// Mount points that the container needed in a directory of the user's are not left there.
void remove_mount_points(const std::string& path, const std::vector<std::string>& points) {
  const auto rootfs = posix::open(path, O_PATH | O_DIRECTORY);
  if (!rootfs) return;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    const std::size_t slash = point->rfind('/');
    const std::string name = slash == std::string::npos ? *point : point->substr(slash + 1);
    const auto parent = posix::open_in_root(
        *rootfs, slash == std::string::npos ? "" : point->substr(0, slash), O_PATH | O_DIRECTORY);
    if (!parent) continue;
    const auto status = posix::lstat_at(*parent, name);
    if (!status) continue;
    // A directory with something in it, or a file that was written, is the program's work by now.
    if (S_ISDIR(status->st_mode)) (void)posix::unlink_at(*parent, name, AT_REMOVEDIR);
    if (S_ISREG(status->st_mode) && status->st_size == 0) (void)posix::unlink_at(*parent, name);
  }
}

// podman and docker: 127 no such program, 126 it cannot be executed, 125 anything before.
int start_exit_code(const Error& error) {
  if (error.kind() == ErrorKind::program_not_found) return 127;
  if (error.kind() == ErrorKind::program_not_executable) return 126;
  return 125;
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

Outcome run_container(const ContainerRequest& request, const Root& root, Session& session, Store& store,
                      std::shared_ptr<run::CgroupPlace> cgroups, const OpenedNetwork& opened) {
  Volumes volumes(store);
  run::ContainerOptions options;
  options.config = TRY(full_config(request, root, volumes));
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
    const int code = start_exit_code(container.error());
    return std::unexpected(Failure(std::move(container).error(), code));
  }
  const std::vector<std::string> points = container->created_mount_points();
  const auto status =
      attend(*container, signals, request.terminal, request.interactive ? Input::standard : Input::none);
  if (request.is_rootfs) remove_mount_points(root.path, points);
  if (!status) return std::unexpected(Failure(status.error()));
  if (container->out_of_memory_kills() > 0)
    return tell_out_of_memory(session, request.resources, status->shell_code());
  return status->shell_code();
}

}  // namespace

Outcome run_in_foreground(Session& session, const ContainerRequest& request, const Arguments& arguments) {
  const OpenedNetwork network = TRY(open_network_namespaces(session, request.network));
  const auto cgroups = TRY(open_cgroups(session, request.resources));
  Root root = TRY(request.is_rootfs ? open_directory(request) : open_image(session, request, arguments));
  build::Workshop* workshop = TRY(session.workshop());
  std::optional<NamedLock> name;
  if (!request.name.empty()) name.emplace(TRY(lock_container_name(workshop->store(), request.name)));
  Outcome outcome = run_container(request, root, session, workshop->store(), cgroups, network);
  if (root.mount.tree) {
    if (const auto finished = root.mount.tree->finish(); !finished && outcome) {
      return std::unexpected(Failure(finished.error()));
    }
  }
  return outcome;
}

}  // namespace ecrin::cli
