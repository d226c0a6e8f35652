#include "cli/container_request.hpp"

#include <algorithm>
#include <cctype>

#include "base/names.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/variables.hpp"
#include "cli/cdi_devices.hpp"
#include "cli/import_changes.hpp"
#include "cli/network_flags.hpp"
#include "cli/resource_flags.hpp"
#include "cli/run_settings.hpp"
#include "run/capabilities.hpp"

namespace ecrin::cli {
namespace {

Result<> check_name(const std::string& name, std::string_view what, std::size_t limit) {
  if (!is_plain_name(name, limit)) {
    return fail(ErrorKind::invalid, "'{}' is no {}: it has letters, digits, '_', '.' and '-', at most {}",
                printable(name), what, limit);
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> requested_variables(const Arguments& arguments,
                                                     const Environment& environment) {
  std::vector<std::string> env;
  for (const std::string& file : arguments.values("env-file")) {
    for (const std::string& line : parse_env_file(TRY(posix::read_file(file)), environment))
      set_variable(env, line);
  }
  for (const std::string& text : arguments.values("env")) {
    if (text.empty() || text.starts_with('='))
      return fail(ErrorKind::invalid, "--env needs NAME=VALUE, not '{}'", printable(text));
    if (text.contains('=')) {
      set_variable(env, text);
    } else if (const auto value = environment(text)) {
      set_variable(env, text + "=" + *value);
    }
  }
  return env;
}

std::vector<Flag> variable_flags() {
  return {{.name = "env",
           .letter = 'e',
           .value = "NAME[=VALUE]",
           .help = "set a variable; NAME alone takes it from the environment",
           .occurs = Occurs::often},
          {.name = "env-file",
           .value = "FILE",
           .help = "set variables from lines of a file",
           .occurs = Occurs::often,
           .completion = Completion::file}};
}

std::vector<std::string> parse_env_file(std::string_view text, const Environment& environment) {
  std::vector<std::string> result;
  for (const std::string& raw : split(text, '\n')) {
    std::string line(trim(raw));
    if (line.empty() || line.starts_with('#') || line.starts_with('=')) continue;
    if (line.contains('=')) {
      result.push_back(std::move(line));
    } else if (const auto value = environment(line)) {
      result.push_back(line + "=" + *value);
    }
  }
  return result;
}

Result<std::vector<std::string>> choose_capabilities(const std::vector<std::string>& defaults,
                                                     const std::vector<std::string>& add,
                                                     const std::vector<std::string>& drop) {
  const auto has_all = [](const std::vector<std::string>& names) {
    return std::ranges::any_of(names, [](const std::string& name) { return to_lower(name) == "all"; });
  };
  const auto others = [](const std::vector<std::string>& names) {
    std::vector<std::string> result;
    for (const std::string& name : names) {
      if (to_lower(name) != "all") result.push_back(name);
    }
    return result;
  };
  // ALL on one side is the starting point, single names of the other side are the exceptions: "drop all, add
  // two".
  run::CapabilitySet set = TRY(run::parse_capabilities(defaults));
  if (has_all(drop)) set = 0;
  if (has_all(add)) set = TRY(run::parse_capabilities(std::vector<std::string>{"ALL"}));
  const run::CapabilitySet added = TRY(run::parse_capabilities(others(add)));
  const run::CapabilitySet dropped = TRY(run::parse_capabilities(others(drop)));
  return run::capability_names((set | added) & ~dropped);
}

namespace {

// --platform, or its parts.
Result<std::optional<oci::Platform>> parse_platform(const Arguments& arguments) {
  const auto text = arguments.find("platform");
  const bool has_parts = arguments.has("arch") || arguments.has("os") || arguments.has("variant");
  if (text && has_parts)
    return fail(ErrorKind::invalid,
                "--platform says all of --os, --arch and --variant: give one or the other");
  if (text) return TRY(oci::Platform::parse(*text));
  if (!has_parts) return std::nullopt;
  std::string words =
      arguments.value("os", "linux") + "/" + arguments.value("arch", oci::Platform::host().architecture);
  if (const auto variant = arguments.find("variant")) words += "/" + *variant;
  return TRY(oci::Platform::parse(words));
}

Result<ImageVolumes> parse_image_volumes(const std::string& word) {
  if (word == "anonymous" || word == "bind") return ImageVolumes::nameless;
  if (word == "tmpfs") return ImageVolumes::in_memory;
  if (word == "ignore") return ImageVolumes::ignored;
  return fail(ErrorKind::invalid, "--image-volume is anonymous, tmpfs or ignore, not '{}'", printable(word));
}

}  // namespace

Result<ContainerRequest> container_request(const Arguments& arguments, const Environment& environment) {
  ContainerRequest request;
  request.interactive = arguments.on("interactive");
  request.terminal = arguments.on("tty");
  request.init = arguments.on("init", true);
  request.systemd = TRY(parse_systemd_mode(arguments));
  request.is_rootfs = arguments.on("rootfs");
  request.trace = arguments.on("trace");
  if (request.trace && request.is_rootfs)
    return fail(ErrorKind::invalid, "--trace records what is used of an image, and --rootfs has none");
  request.image = arguments.operands().front();
  request.command.assign(arguments.operands().begin() + 1, arguments.operands().end());
  if (const auto name = arguments.find("name")) {
    TRY(check_name(*name, "name for a container", 200));
    request.name = *name;
  }
  if (const auto hostname = arguments.find("hostname")) {
    TRY(check_name(*hostname, "host name", 64));
    request.hostname = *hostname;
  }
  request.network = TRY(parse_network_request(arguments));
  request.platform = TRY(parse_platform(arguments));
  request.user = arguments.find("user");
  request.user_mapping = TRY(parse_user_mapping(arguments.value("userns")));
  request.passwd = arguments.on("passwd", true);
  request.workdir = arguments.find("workdir");
  if (request.workdir && !request.workdir->starts_with('/')) {
    return fail(ErrorKind::invalid, "--workdir must be an absolute path, not '{}'",
                printable(*request.workdir));
  }
  if (const auto entrypoint = arguments.find("entrypoint")) {
    // podman and docker: one word, or a JSON list; "" takes the image's entrypoint away.
    request.entrypoint.emplace();
    if (trim(*entrypoint).starts_with('[')) {
      request.entrypoint = TRY(parse_command(*entrypoint));
    } else if (!entrypoint->empty()) {
      request.entrypoint->push_back(*entrypoint);
    }
  }
  request.env = TRY(requested_variables(arguments, environment));
  request.cap_add = arguments.words("cap-add");
  request.cap_drop = arguments.words("cap-drop");
  request.read_only = arguments.on("read-only");
  request.read_only_tmpfs = arguments.on("read-only-tmpfs", true);
  request.resources = TRY(parse_resources(arguments));
  request.life = TRY(life_request(arguments));
  TRY(read_limits(arguments, request.settings));
  request.security = TRY(parse_security_options(arguments.values("security-opt")));
  request.surroundings = TRY(parse_surroundings(arguments));
  if (request.surroundings.privileged) {
    request.cap_add = {"ALL"};
    be_privileged(request.security);
  }
  for (const std::string& text : arguments.values("device")) {
    if (oci::parse_cdi_name(text))
      request.cdi_devices.push_back(text);
    else
      request.mounts.push_back(TRY(parse_device(text)));
  }
  request.cdi_directories = arguments.values("cdi-spec-dir");
  if (request.cdi_directories.empty()) request.cdi_directories = usual_cdi_directories();
  request.volumes_from = arguments.values("volumes-from");
  request.image_volumes = TRY(parse_image_volumes(arguments.value("image-volume", "anonymous")));
  for (const std::string& text : arguments.values("volume"))
    request.mounts.push_back(TRY(parse_volume(text)));
  for (const std::string& text : arguments.values("mount")) request.mounts.push_back(TRY(parse_mount(text)));
  for (const std::string& text : arguments.values("tmpfs")) request.mounts.push_back(TRY(parse_tmpfs(text)));
  for (std::size_t index = 0; index < request.mounts.size(); ++index) {
    for (std::size_t other = 0; other < index; ++other) {
      if (request.mounts[index].destination == request.mounts[other].destination) {
        return fail(ErrorKind::invalid, "two mounts for '{}'", printable(request.mounts[index].destination));
      }
    }
  }
  return request;
}

namespace {

// Of the image's; PATH stays what every container has.
void leave_out_variables(std::vector<std::string>& env, const ContainerRequest& request,
                         const oci::ImageConfig& image) {
  const std::vector<std::string>& names = request.surroundings.unset_names;
  std::erase_if(env, [&](const std::string& line) {
    const std::string_view name = variable_name(line);
    const bool is_said = std::ranges::find(names, name) != names.end();
    const bool is_own = name != "PATH" && std::ranges::find(image.env, line) != image.env.end();
    return is_said || (request.surroundings.unsets_all && is_own);
  });
}

std::vector<std::string> program_words(const ContainerRequest& request, const oci::ImageConfig& image) {
  std::vector<std::string> words =
      request.entrypoint.value_or(image.entrypoint.value_or(std::vector<std::string>{}));
  // The image's CMD are arguments for the image's own entrypoint only.
  const std::vector<std::string> image_command =
      request.entrypoint ? std::vector<std::string>{} : image.cmd.value_or(std::vector<std::string>{});
  const std::vector<std::string>& command = request.command.empty() ? image_command : request.command;
  words.insert(words.end(), command.begin(), command.end());
  const bool is_said = request.entrypoint || !request.command.empty();
  if (request.systemd == SystemdMode::boot && !is_said && !is_system_manager(words))
    return {k_system_manager};
  return words;
}

}  // namespace

bool boots_systemd(const ContainerRequest& request, const oci::ImageConfig& image) {
  switch (request.systemd) {
    case SystemdMode::off:
      return false;
    case SystemdMode::words:
      return is_system_manager(request.entrypoint && !request.entrypoint->empty() ? *request.entrypoint
                                                                                  : request.command);
    case SystemdMode::program:
      return is_system_manager(program_words(request, image));
    default:
      return true;
  }
}

Result<oci::RuntimeConfig> runtime_config(const ContainerRequest& request, const oci::ImageConfig& image) {
  oci::RuntimeConfig config = oci::default_runtime_config(image);
  oci::RuntimeProcess& process = config.process;
  process.terminal = request.terminal;
  process.args = program_words(request, image);
  if (process.args.empty()) {
    return std::unexpected(
        Error(ErrorKind::invalid, "there is no command: the image has no default one")
            .hint(fmt::format("name one: ecrin run {} COMMAND", shell_quote(request.image))));
  }
  if (request.terminal) {
    if (!find_variable(process.env, "TERM")) process.env.emplace_back("TERM=xterm");
  }
  leave_out_variables(process.env, request, image);
  for (const std::string& assignment : request.env) set_variable(process.env, assignment);
  if (request.workdir) process.cwd = *request.workdir;
  process.capabilities = oci::Capabilities::of(
      TRY(choose_capabilities(process.capabilities.bounding, request.cap_add, request.cap_drop)));
  config.root_read_only = request.read_only;
  apply_security(request.security, config);
  apply_surroundings(request.surroundings, config);
  // A system has setuid programs.
  if (!request.security.no_new_privileges && boots_systemd(request, image)) process.no_new_privileges = false;
  config.resources = request.resources;
  if (request.network.mode() == run::NetworkMode::host)
    std::erase(config.namespaces, oci::RuntimeNamespace(oci::Namespace::network));
  return config;
}

}  // namespace ecrin::cli
