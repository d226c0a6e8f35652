#include "cli/entered_system.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/variables.hpp"
#include "cli/chosen_image.hpp"
#include "cli/container_mounts.hpp"
#include "cli/container_root.hpp"
#include "cli/import_changes.hpp"
#include "cli/session.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"
#include "cli/user_mapping.hpp"
#include "run/container.hpp"
#include "run/root_file.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_account_limit = 1u << 20;  // of /etc/passwd and /etc/group

bool is_directory(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// A text file of the system; what is no such file, or too large for one, is left out.
std::string text_in(const Fd& rootfs, const char* path) {
  auto text = run::read_root_file(rootfs, path, k_account_limit);
  if (!text) log::warning("'{}' of the system is not read: {}", path, text.error().message());
  return text.value_or(std::nullopt).value_or("");
}

bool has_program(const Fd& rootfs, const std::string& path) {
  const auto file = posix::open_in_root(rootfs, path, O_PATH);
  if (!file) return false;
  const auto status = posix::stat_fd(*file);
  return status && S_ISREG(status->st_mode) && (status->st_mode & 0111) != 0;
}

std::string choose_shell(const Fd& rootfs, const Person& person) {
  for (const std::string& shell : {person.shell, std::string("/bin/bash")})
    if (shell.starts_with('/') && has_program(rootfs, shell)) return shell;
  return "/bin/sh";
}

Result<std::vector<std::string>> choose_command(const EnterRequest& request, const oci::ImageConfig& image,
                                                const std::string& shell) {
  if (!request.program) {
    if (!request.command.empty()) return request.command;
    return std::vector<std::string>{shell, "-l"};
  }
  std::vector<std::string> words =
      request.entrypoint.value_or(image.entrypoint.value_or(std::vector<std::string>{}));
  // The image's CMD are arguments for the image's own entrypoint only.
  std::vector<std::string> more = request.command;
  if (more.empty() && !request.entrypoint) more = image.cmd.value_or(more);
  words.insert(words.end(), more.begin(), more.end());
  if (words.empty())
    return fail(ErrorKind::invalid, "there is no program: the image '{}' names none",
                printable(request.system));
  return words;
}

std::string host_name() {
  char name[65] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::vector<MountSpec> binds_of(const std::vector<std::string>& places) {
  std::vector<MountSpec> binds;
  for (const std::string& place : places)
    binds.push_back(
        {.type = MountSpec::Type::bind, .source = place, .destination = place, .options = {"rbind"}});
  return binds;
}

// The user's number inside, who is root in our namespace; nothing to do for root.
void become(oci::RuntimeConfig& config, const Person& person, const run::Identity& identity) {
  oci::RuntimeProcess& process = config.process;
  process.capabilities = {};
  process.uid = person.uid;
  process.gid = person.gid;
  process.additional_gids = {person.gid};
  keep_user(config, identity, person.uid, person.gid);
}

struct Surroundings {
  Person person;  // outside
  Person who;     // inside
  std::string work_directory;
  std::vector<std::string> places;

  std::string first_directory() const {
    for (const std::string& directory : {work_directory, person.home})
      if (is_within(directory, places)) return directory;
    return "/";
  }
};

Result<oci::RuntimeConfig> config_of(const EnterRequest& request, const oci::ImageConfig& image,
                                     const Surroundings& around, const Environment& environment,
                                     const std::string& shell) {
  oci::RuntimeConfig config = oci::default_runtime_config(image);
  oci::RuntimeProcess& process = config.process;
  process.args = TRY(choose_command(request, image, shell));
  for (const std::string& line : personal_variables(environment, around.who)) set_variable(process.env, line);
  set_variable(process.env, "SHELL=" + shell);
  for (const std::string& line : request.env) set_variable(process.env, line);
  process.cwd = request.workdir.value_or(around.first_directory());
  process.rlimits.clear();  // the user's own
  config.hostname = host_name();
  if (request.network == run::NetworkMode::host)
    std::erase(config.namespaces, oci::RuntimeNamespace(oci::Namespace::network));
  return config;
}

Outcome run_entered(Session& session, const EnterRequest& request, const RootTree& root,
                    const Surroundings& around) {
  TRY(support_programs(session, root.image, request.platform));
  const Fd rootfs = TRY(posix::open(root.path, O_PATH | O_DIRECTORY));
  const std::string shell = choose_shell(rootfs, around.person);
  run::ContainerOptions options;
  options.config = TRY(config_of(request, root.image, around, session.environment(), shell));
  if (!request.as_root && around.person.uid != 0)
    become(options.config, around.person, *TRY(session.enter_namespace()));
  ContainerRequest mounts{.mounts = binds_of(around.places), .image_volumes = ImageVolumes::ignored};
  for (const MountSpec& spec : request.mounts) {
    std::erase_if(mounts.mounts,
                  [&](const MountSpec& other) { return other.destination == spec.destination; });
    mounts.mounts.push_back(spec);
  }
  ContainerMounts container_mounts = TRY(ContainerMounts::open(*TRY(session.workshop()), ""));
  TRY(container_mounts.add(options.config, mounts, root.image, rootfs));
  options.rootfs = root.path;
  options.network = request.network;
  const bool terminal = ::isatty(0) == 1 && ::isatty(1) == 1;
  options.config.process.terminal = terminal;
  if (terminal) {
    options.config.process.console_size = terminal_size(TRY(standard_stream(1)));
  } else {
    options.stdio.input = TRY(standard_stream(0));
    options.stdio.output = TRY(standard_stream(1));
    options.stdio.error = TRY(standard_stream(2));
  }
  const auto host_resolver = posix::read_file("/etc/resolv.conf");
  options.managed_files = {
      {"/etc/resolv.conf", run::container_resolv_conf(host_resolver.value_or(""), request.network, "")},
      {"/etc/hosts", request.network == run::NetworkMode::host
                         ? posix::read_file("/etc/hosts").value_or("")
                         : run::container_hosts(options.config.hostname)},
      {"/etc/hostname", options.config.hostname + "\n"}};
  if (!request.as_root) {
    options.managed_files.emplace_back("/etc/passwd",
                                       with_person(text_in(rootfs, "/etc/passwd"), around.who, shell));
    options.managed_files.emplace_back("/etc/group", with_group(text_in(rootfs, "/etc/group"), around.who));
  }
  const SignalQueue signals = TRY(SignalQueue::open());
  auto container = run::Container::start(std::move(options));
  if (!container) {
    const int code = exit_code_of_start(container.error());
    return std::unexpected(Failure(std::move(container).error(), code));
  }
  const std::vector<std::string> points = container->created_mount_points();
  for (const std::string& lack : container->lacks()) log::warning("{}", lack);
  const auto status = attend(*container, signals, terminal, terminal ? Input::standard : Input::none);
  if (request.is_directory) remove_made_mount_points(root.path, points);
  if (!status) return std::unexpected(Failure(status.error()));
  return status->shell_code();
}

}  // namespace

Result<EnterRequest> enter_request(const Arguments& arguments, const Environment& environment) {
  EnterRequest request;
  request.system = arguments.operands().front();
  request.is_directory = request.system.starts_with('/') || request.system.starts_with('.');
  request.command.assign(arguments.operands().begin() + 1, arguments.operands().end());
  request.program = arguments.on("program");
  if (const auto entrypoint = arguments.find("entrypoint")) {
    request.entrypoint = TRY(command_words(*entrypoint));
    request.program = true;
  }
  request.as_root = arguments.on("as-root");
  const std::string network = arguments.value("network", "host");
  if (network != "host" && network != "none")
    return fail(ErrorKind::invalid, "--network is host or none here, not '{}'", printable(network));
  if (network == "none") request.network = run::NetworkMode::none;
  if (const auto platform = arguments.find("platform"))
    request.platform = TRY(oci::Platform::parse(*platform));
  request.workdir = arguments.find("workdir");
  if (request.workdir && !request.workdir->starts_with('/'))
    return fail(ErrorKind::invalid, "--workdir must be an absolute path, not '{}'",
                printable(*request.workdir));
  request.env = TRY(requested_variables(arguments, environment));
  for (const std::string& text : arguments.values("volume"))
    request.mounts.push_back(TRY(parse_volume(text)));
  return request;
}

Result<std::vector<std::string>> command_words(const std::string& text) {
  if (!trim(text).starts_with('[')) return std::vector<std::string>{text};
  return parse_command(text);
}

std::vector<std::string> personal_variables(const Environment& environment, const Person& person) {
  static constexpr auto k_names = std::to_array<const char*>({"TERM",
                                                              "COLORTERM",
                                                              "NO_COLOR",
                                                              "CLICOLOR",
                                                              "LANG",
                                                              "LANGUAGE",
                                                              "LC_ALL",
                                                              "LC_CTYPE",
                                                              "LC_COLLATE",
                                                              "LC_MESSAGES",
                                                              "LC_NUMERIC",
                                                              "LC_TIME",
                                                              "TZ",
                                                              "DISPLAY",
                                                              "XAUTHORITY",
                                                              "WAYLAND_DISPLAY",
                                                              "XDG_RUNTIME_DIR",
                                                              "XDG_SESSION_TYPE",
                                                              "XDG_CURRENT_DESKTOP",
                                                              "DBUS_SESSION_BUS_ADDRESS",
                                                              "SSH_AUTH_SOCK",
                                                              "EDITOR",
                                                              "VISUAL",
                                                              "PAGER",
                                                              "SOURCE_DATE_EPOCH",
                                                              "http_proxy",
                                                              "https_proxy",
                                                              "ftp_proxy",
                                                              "no_proxy",
                                                              "all_proxy",
                                                              "HTTP_PROXY",
                                                              "HTTPS_PROXY",
                                                              "FTP_PROXY",
                                                              "NO_PROXY",
                                                              "ALL_PROXY"});
  std::vector<std::string> lines;
  for (const char* name : k_names)
    if (const auto value = environment(name)) lines.push_back(fmt::format("{}={}", name, *value));
  lines.push_back("HOME=" + (person.home.empty() ? std::string("/") : person.home));
  lines.push_back("USER=" + person.name);
  lines.push_back("LOGNAME=" + person.name);
  return lines;
}

bool is_within(const std::string& path, const std::vector<std::string>& places) {
  return std::ranges::any_of(
      places, [&](const std::string& place) { return path == place || path.starts_with(place + "/"); });
}

std::vector<std::string> shared_places(const Person& person, const Environment& environment,
                                       const std::string& work_directory) {
  // What every system has of its own.
  static const std::vector<std::string> k_parts = {"/bin",   "/boot",   "/dev",  "/etc",  "/lib", "/lib32",
                                                   "/lib64", "/libx32", "/proc", "/sbin", "/sys", "/usr"};
  std::vector<std::string> places;
  const auto add = [&](const std::string& place) {
    const bool is_absolute = place.starts_with('/') && place.find_first_not_of('/') != std::string::npos;
    if (!is_absolute || is_within(place, k_parts) || is_within(place, places)) return;
    if (is_directory(place)) places.push_back(place);
  };
  add(person.home);
  add("/tmp");
  add(environment("XDG_RUNTIME_DIR").value_or(""));
  add(work_directory);
  return places;
}

Outcome enter_system(Session& session, const EnterRequest& request, const Arguments& arguments) {
  const Person person = this_person(session.environment());
  std::string work_directory = TRY(absolute_path("."));
  std::vector<std::string> places = shared_places(person, session.environment(), work_directory);
  const Person root_person{.name = "root", .group = "root", .gecos = {}, .home = "/root", .shell = {}};
  const Surroundings around{.person = person,
                            .who = request.as_root ? root_person : person,
                            .work_directory = std::move(work_directory),
                            .places = std::move(places)};
  auto opened = request.is_directory ? open_directory_root(request.system)
                                     : open_image_root(session, request.system, request.platform, arguments);
  RootTree root = TRY(std::move(opened));
  Outcome outcome = run_entered(session, request, root, around);
  if (!root.mount.tree) return outcome;
  if (const auto finished = root.mount.tree->finish(); !finished && outcome)
    return std::unexpected(Failure(finished.error()));
  return outcome;
}

}  // namespace ecrin::cli
