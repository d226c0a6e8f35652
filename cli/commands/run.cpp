// verb: run
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/container_request.hpp"
#include "cli/image_names.hpp"
#include "cli/interrupt.hpp"
#include "cli/registries.hpp"
#include "cli/session.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"
#include "cli/volumes.hpp"
#include "run/container.hpp"
#include "run/user_lookup.hpp"

namespace ecrin::cli {
namespace {

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
  const oci::ImageRecord record =
      TRY(obtain(request.image, request.platform.value_or(oci::Platform::host()), interrupts.token()));
  const oci::Image image = TRY(workshop.images().load(record.manifest));
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
  if (request.network != run::NetworkMode::host) return random_hostname();
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

Outcome run_container(const ContainerRequest& request, const Root& root, Session& session, Store& store) {
  Volumes volumes(store);
  run::ContainerOptions options;
  options.config = TRY(full_config(request, root, volumes));
  options.rootfs = root.path;
  options.network = request.network;
  options.init = request.init;
  options.stdio = TRY(standard_streams(request));
  const SignalQueue signals = TRY(SignalQueue::open());
  std::optional<run::PrivateNetwork> network;
  if (request.network == run::NetworkMode::private_network) {
    network.emplace(
        TRY_WHILE(run::PrivateNetwork::create(session.search_path()), "making a private network"));
    options.network_namespace = &network->network_namespace();
  }
  const auto host_resolver = posix::read_file("/etc/resolv.conf");
  options.managed_files = {
      {"/etc/resolv.conf", run::container_resolv_conf(host_resolver.value_or(""), request.network,
                                                      network ? network->nameserver() : "")},
      {"/etc/hosts", run::container_hosts(options.config.hostname)},
      {"/etc/hostname", options.config.hostname + "\n"}};
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
  return status->shell_code();
}

Outcome run(Session& session, const Arguments& arguments) {
  const ContainerRequest request = TRY(container_request(arguments, session.environment()));
  Root root = TRY(request.is_rootfs ? open_directory(request) : open_image(session, request, arguments));
  build::Workshop* workshop = TRY(session.workshop());
  std::optional<NameLock> name;
  if (!request.name.empty()) name.emplace(TRY(NameLock::acquire(workshop->store(), request.name)));
  Outcome outcome = run_container(request, root, session, workshop->store());
  if (root.mount.tree) {
    if (const auto finished = root.mount.tree->finish(); !finished && outcome) {
      return std::unexpected(Failure(finished.error()));
    }
  }
  return outcome;
}

std::vector<Flag> flags() {
  return {
      {.name = "cap-add",
       .value = "CAPABILITY",
       .help = "give a capability, or ALL",
       .occurs = Occurs::often},
      {.name = "cap-drop",
       .value = "CAPABILITY",
       .help = "take a capability away, or ALL",
       .occurs = Occurs::often},
      {.name = "entrypoint",
       .value = "COMMAND",
       .help = "instead of the image's: one word or a JSON list; '' for none"},
      {.name = "env",
       .letter = 'e',
       .value = "NAME=VALUE",
       .help = "set a variable; NAME alone takes it from the environment",
       .occurs = Occurs::often},
      {.name = "env-file",
       .value = "FILE",
       .help = "set variables from lines of a file",
       .occurs = Occurs::often,
       .completion = Completion::file},
      {.name = "hostname", .letter = 'h', .value = "NAME", .help = "the container's host name"},
      {.name = "init",
       .value = "",
       .help = "a small process 1 reaps processes and passes signals on (default true)"},
      {.name = "interactive", .letter = 'i', .value = "", .help = "give the program standard input"},
      {.name = "mount",
       .value = "SPEC",
       .help = "type=bind|volume|tmpfs,source=...,destination=...[,readonly]",
       .occurs = Occurs::often},
      {.name = "name", .value = "NAME", .help = "a name that no other running container has"},
      {.name = "network",
       .value = "MODE",
       .help = "private (default), host or none",
       .completion = Completion::word,
       .words = {"private", "host", "none"}},
      {.name = "platform", .value = "OS/ARCH", .help = "the image's platform; default: this machine's"},
      {.name = "pull",
       .value = "WHEN",
       .help = "missing (default), always, newer or never",
       .completion = Completion::word,
       .words = {"missing", "always", "newer", "never"}},
      {.name = "quiet", .letter = 'q', .value = "", .help = "say nothing while an image is pulled"},
      {.name = "read-only", .value = "", .help = "the root file system cannot be written to"},
      {.name = "rm", .value = "", .help = "accepted: containers are always removed at their end"},
      {.name = "rootfs", .value = "", .help = "the first operand is a directory to run in, not an image"},
      {.name = "tmpfs",
       .value = "PATH[:OPTIONS]",
       .help = "an empty file system in memory",
       .occurs = Occurs::often},
      {.name = "tty", .letter = 't', .value = "", .help = "give the program a terminal"},
      {.name = "user",
       .letter = 'u',
       .value = "USER[:GROUP]",
       .help = "who runs the program: names or numbers"},
      {.name = "volume",
       .letter = 'v',
       .value = "SOURCE:PATH[:OPTIONS]",
       .help = "mount a host path (with '/' or '.' in front) or a named volume",
       .occurs = Occurs::often,
       .completion = Completion::directory},
      {.name = "workdir", .letter = 'w', .value = "PATH", .help = "the program's working directory"},
  };
}

}  // namespace

const Verb& run_verb() {
  static const Verb verb{
      .name = "run",
      .operands = "IMAGE [COMMAND [ARG...]]",
      .summary = "Run a program in a container made from an image",
      .details =
          "In the foreground; the exit code is the program's, 128+N after signal N, 126 or 127 when it "
          "cannot be "
          "executed or found, 125 when ecrin fails. Flags end at IMAGE.",
      .flags = with_flags(flags(), registry_flags()),
      .least_operands = 1,
      .order = Order::flags_first,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
