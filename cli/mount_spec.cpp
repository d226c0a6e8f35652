#include "cli/mount_spec.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "build/volumes.hpp"

namespace ecrin::cli {
namespace {

Result<> check_destination(const std::string& destination, std::string_view text) {
  if (!destination.starts_with('/')) {
    return fail(ErrorKind::invalid, "the place in the container must be an absolute path: '{}'",
                printable(text));
  }
  for (const std::string& part : split(destination, '/')) {
    if (part == "..")
      return fail(ErrorKind::invalid, "the place in the container has '..' in it: '{}'", printable(text));
  }
  if (std::ranges::all_of(destination, [](char c) { return c == '/'; })) {
    return fail(ErrorKind::invalid, "nothing can be mounted on the container's root: '{}'", printable(text));
  }
  return {};
}

Result<> check_volume_name(const std::string& name) {
  if (!build::is_volume_name(name)) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is no name for a volume", printable(name)))
            .hint("a host path begins with '/' or './'; a name has letters, digits, '_', '.' and '-'"));
  }
  return {};
}

// Options of a bind mount or a volume, in mount(8)'s words.
Result<> add_option(MountSpec& spec, const std::string& option) {
  static constexpr std::string_view k_mount[] = {"ro",     "rw",     "exec",   "noexec",  "suid",
                                                 "nosuid", "dev",    "nodev",  "private", "rprivate",
                                                 "slave",  "rslave", "shared", "rshared"};
  static constexpr std::string_view k_bind[] = {"bind", "rbind"};
  if (std::ranges::find(k_mount, option) != std::end(k_mount)) {
    spec.options.push_back(option);
  } else if (std::ranges::find(k_bind, option) != std::end(k_bind)) {
    spec.options.front() = option;
  } else if (option == "z" || option == "Z") {
    spec.relabels = true;
  } else if (option == "U") {
    spec.gives_away = true;
  } else if (spec.type == MountSpec::Type::volume && (option == "copy" || option == "nocopy")) {
    spec.copies = option == "copy";
  } else if (!option.empty()) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("unknown mount option '{}'", printable(option)))
            .hint(option == "O" || option == "idmap"
                      ? fmt::format("'{}' is not supported in this version", option)
                      : "known are ro, rw, exec, noexec, suid, nosuid, dev, nodev, private, slave, shared "
                        "(each also with r in front), bind, rbind, U, z, Z, and of volumes copy and nocopy"));
  }
  return {};
}

std::vector<std::string> tmpfs_defaults() {
  return {"nosuid", "nodev", "noexec", "mode=1777"};
}

// Whoever says "ro" of a directory means all of it, also what is mounted below.
void make_recursive(MountSpec& spec) {
  if (spec.options.empty() || spec.options.front() != "rbind") return;
  const auto last = std::ranges::find_if(spec.options.rbegin(), spec.options.rend(),
                                         [](const std::string& one) { return one == "ro" || one == "rw"; });
  if (last != spec.options.rend() && *last == "ro") *last = "rro";
}

bool is_true(const std::string& value) {
  return value.empty() || value == "true" || value == "1";
}

}  // namespace

Result<MountSpec> parse_volume(std::string_view text) {
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() > 3 || parts.front().empty()) {
    return fail(ErrorKind::invalid, "a volume is SOURCE:DESTINATION[:OPTIONS], not '{}'", printable(text));
  }
  MountSpec spec;
  spec.destination = parts.size() == 1 ? parts[0] : parts[1];
  if (parts.size() > 1) spec.source = parts[0];
  TRY(check_destination(spec.destination, text));
  const bool is_path = spec.source.starts_with('/') || spec.source.starts_with('.');
  spec.type = is_path ? MountSpec::Type::bind : MountSpec::Type::volume;
  if (!is_path && !spec.source.empty()) TRY(check_volume_name(spec.source));
  spec.options = {is_path ? "rbind" : "bind"};
  if (parts.size() == 3) {
    for (const std::string& option : split(parts[2], ',')) TRY(add_option(spec, option));
  }
  make_recursive(spec);
  return spec;
}

Result<MountSpec> parse_tmpfs(std::string_view text) {
  const std::size_t colon = text.find(':');
  MountSpec spec{.type = MountSpec::Type::tmpfs,
                 .source = "",
                 .destination = std::string(text.substr(0, colon)),
                 .options = {}};
  TRY(check_destination(spec.destination, text));
  spec.options = tmpfs_defaults();
  if (colon != std::string_view::npos) {
    for (const std::string& option : split(text.substr(colon + 1), ',')) {
      if (!option.empty()) spec.options.push_back(option);
    }
  }
  return spec;
}

Result<MountSpec> parse_mount(std::string_view text) {
  MountSpec spec{.type = MountSpec::Type::volume, .source = "", .destination = "", .options = {}};
  std::vector<std::pair<std::string, std::string>> rest;
  std::string type = "volume";  // podman's and docker's default
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (key == "type") {
      type = value;
    } else if (key == "src" || key == "source") {
      spec.source = value;
    } else if (key == "dst" || key == "destination" || key == "target") {
      spec.destination = value;
    } else {
      rest.emplace_back(key, value);
    }
  }
  TRY(check_destination(spec.destination, text));
  if (type == "bind") {
    spec.type = MountSpec::Type::bind;
    if (spec.source.empty())
      return fail(ErrorKind::invalid, "a bind mount needs source=PATH: '{}'", printable(text));
    spec.options = {"rbind"};
  } else if (type == "tmpfs") {
    spec.type = MountSpec::Type::tmpfs;
    if (!spec.source.empty()) return fail(ErrorKind::invalid, "a tmpfs has no source: '{}'", printable(text));
    spec.options = tmpfs_defaults();
  } else if (type == "volume") {
    if (!spec.source.empty()) TRY(check_volume_name(spec.source));
    spec.options = {"bind"};
  } else if (type == "image") {
    spec.type = MountSpec::Type::image;
    if (spec.source.empty())
      return fail(ErrorKind::invalid, "an image mount needs source=IMAGE: '{}'", printable(text));
    spec.options = {"bind", "ro"};
  } else {
    return fail(ErrorKind::invalid, "a mount's type is bind, volume, tmpfs or image, not '{}'",
                printable(type));
  }
  for (const auto& [key, value] : rest) {
    if (key == "ro" || key == "readonly") {
      spec.options.emplace_back(is_true(value) ? "ro" : "rw");
    } else if (key == "rw") {
      spec.options.emplace_back(is_true(value) ? "rw" : "ro");
    } else if ((key == "subpath" || key == "volume-subpath") && (type == "volume" || type == "image")) {
      spec.subpath = value;
    } else if (key == "volume-nocopy" && type == "volume") {
      spec.copies = !is_true(value);
    } else if ((key == "U" || key == "chown") && (type == "bind" || type == "volume")) {
      spec.gives_away = is_true(value);
    } else if (key == "relabel" && (value == "shared" || value == "private")) {
      spec.relabels = true;
    } else if (key == "bind-propagation" && type == "bind") {
      TRY(add_option(spec, value));
    } else if (key == "tmpfs-size" && type == "tmpfs") {
      spec.options.push_back("size=" + value);
    } else if (key == "tmpfs-mode" && type == "tmpfs") {
      spec.options.push_back("mode=" + value);
    } else if (type == "tmpfs" && value.empty()) {
      spec.options.push_back(key);
    } else if (value.empty()) {
      TRY(add_option(spec, key));
    } else {
      return fail(ErrorKind::invalid, "unknown part '{}' of --mount '{}'", printable(key), printable(text));
    }
  }
  make_recursive(spec);
  return spec;
}

Result<MountSpec> parse_device(std::string_view text) {
  std::vector<std::string> parts = split(text, ':');
  MountSpec spec{.type = MountSpec::Type::bind, .source = parts.front(), .destination = parts.front()};
  spec.options = {"rbind", "nosuid", "noexec"};
  if (!spec.source.starts_with('/'))
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("--device needs a path of the host, not '{}'", printable(text)))
            .hint("/dev/NAME, /dev/NAME:/dev/OTHER or /dev/NAME:/dev/OTHER:rwm"));
  std::string permissions = "rwm";
  if (parts.size() == 2 && !parts[1].starts_with('/')) {
    permissions = parts[1];
  } else if (parts.size() >= 2) {
    spec.destination = parts[1];
    if (parts.size() == 3) permissions = parts[2];
  }
  if (parts.size() > 3 || permissions.empty() || permissions.find_first_not_of("rwm") != std::string::npos)
    return fail(ErrorKind::invalid, "--device is HOST[:PATH][:rwm], not '{}'", printable(text));
  if (!permissions.contains('r') || !permissions.contains('w'))
    return fail(ErrorKind::unsupported,
                "--device '{}': a device is open for reading and writing, or as its node's mode says",
                printable(text));
  TRY(check_destination(spec.destination, text));
  return spec;
}

}  // namespace ecrin::cli
