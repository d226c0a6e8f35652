#include "cli/surroundings_flags.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/key_values.hpp"
#include "recipes/file_mode.hpp"
#include "run/user_lookup.hpp"

namespace ecrin::cli {
namespace {

constexpr std::uint64_t k_zone_limit = 1u << 20;

// Does it share the host's? "private" and its synonyms: no.
Result<bool> shares(const Arguments& arguments, std::string_view flag,
                    const std::vector<std::string>& synonyms) {
  const std::string mode = arguments.value(flag, "private");
  if (mode == "host") return true;
  if (mode == "private" || std::ranges::find(synonyms, mode) != synonyms.end()) return false;
  return std::unexpected(
      Error(ErrorKind::unsupported, fmt::format("--{} '{}' cannot be had", flag, printable(mode, 200)))
          .hint("there are private (default) and host"));
}

Result<> check_own_namespaces(const Arguments& arguments) {
  for (const auto& [flag, why] :
       {std::pair("pid",
                  "a container's processes end with its first one, which takes a namespace of their own"),
        std::pair("cgroupns", "a container sees its own cgroup as the root")}) {
    const std::string mode = arguments.value(flag, "private");
    if (mode == "private" || mode.empty()) continue;
    return std::unexpected(
        Error(ErrorKind::unsupported, fmt::format("--{} '{}' cannot be had", flag, printable(mode, 200)))
            .hint(fmt::format("there is private: {}", why)));
  }
  return {};
}

// Shared memory and message queues are the host's then; not every host has the latter mounted.
void share_ipc(oci::RuntimeConfig& config) {
  std::erase(config.namespaces, oci::RuntimeNamespace(oci::Namespace::ipc));
  for (oci::RuntimeMount& mount : config.mounts) {
    if (mount.destination != "/dev/shm") continue;
    mount.type = "bind";
    mount.source = mount.destination;
    mount.options = {"rbind", "nosuid", "noexec", "nodev"};
  }
  if (::access("/dev/mqueue", F_OK) != 0)
    std::erase_if(config.mounts, [](const oci::RuntimeMount& mount) { return mount.type == "mqueue"; });
}

Result<> check_time_zone(const std::string& zone) {
  const std::vector<std::string> parts = split(zone, '/');
  const bool is_name = std::ranges::all_of(parts, [](const std::string& part) {
    return !part.empty() && part != "." && part != ".." && part.find('\0') == std::string::npos;
  });
  if (is_name) return {};
  return fail(ErrorKind::invalid, "--tz is local or a zone like Europe/Berlin, not '{}'",
              printable(zone, 100));
}

}  // namespace

std::vector<Flag> surroundings_flags() {
  return {
      {.name = "annotation",
       .value = "KEY=VALUE",
       .help = "for hooks that look at the container",
       .occurs = Occurs::often},
      {.name = "cgroupns", .value = "MODE", .help = "private: its cgroup is the root that it sees"},
      {.name = "group-add",
       .value = "GROUP",
       .help = "one more group of the program: a name or a number",
       .occurs = Occurs::often},
      {.name = "ipc",
       .value = "MODE",
       .help = "private (default), or host: share System V IPC and message queues"},
      {.name = "oom-score-adj",
       .value = "N",
       .help = "how early it is killed when memory runs out: -1000 to 1000"},
      {.name = "pid", .value = "MODE", .help = "private: its processes are seen by it alone"},
      {.name = "privileged",
       .value = "",
       .help = "all capabilities, no system call filter, nothing hidden; outside you stay who you are"},
      {.name = "sysctl",
       .value = "KEY=VALUE",
       .help = "a setting of the kernel for the container's namespaces, like net.ipv4.ip_forward=1",
       .occurs = Occurs::often},
      {.name = "tz", .value = "ZONE", .help = "the time zone: local, or one like Europe/Berlin"},
      {.name = "umask", .value = "MODE", .help = "of the program, in octal (default 0022)"},
      {.name = "unsetenv",
       .value = "NAME",
       .help = "leave a variable of the image out",
       .occurs = Occurs::often},
      {.name = "unsetenv-all", .value = "", .help = "leave all variables of the image out"},
      {.name = "uts", .value = "MODE", .help = "private (default), or host: share the host's name"},
  };
}

Result<ProgramSurroundings> parse_surroundings(const Arguments& arguments) {
  TRY(check_own_namespaces(arguments));
  ProgramSurroundings surroundings;
  surroundings.privileged = arguments.on("privileged");
  surroundings.groups = arguments.words("group-add");
  if (std::ranges::find(surroundings.groups, "keep-groups") != surroundings.groups.end())
    return std::unexpected(
        Error(ErrorKind::unsupported, "--group-add 'keep-groups' cannot be had")
            .hint(
                "the groups of outside are left when the user namespace is entered; a directory that one of "
                "them owns is open to the container when its mode or an ACL names you"));
  if (const auto text = arguments.find("umask")) {
    const auto mask = recipes::parse_octal_mode(*text);
    if (!mask || *mask > 0777)
      return fail(ErrorKind::invalid, "--umask is an octal number like 0022, not '{}'", printable(*text, 60));
    surroundings.umask = static_cast<mode_t>(*mask);
  }
  if (const auto text = arguments.find("oom-score-adj")) {
    const bool negative = text->starts_with('-');
    const auto number = parse_unsigned(std::string_view(*text).substr(negative ? 1 : 0), 1000);
    if (!number)
      return fail(ErrorKind::invalid, "--oom-score-adj is a number from -1000 to 1000, not '{}'",
                  printable(*text, 60));
    surroundings.oom_score_adj = negative ? -static_cast<int>(*number) : static_cast<int>(*number);
  }
  surroundings.sysctl = TRY(parse_key_values(arguments.values("sysctl"), "sysctl"));
  surroundings.annotations = TRY(parse_key_values(arguments.values("annotation"), "annotation"));
  surroundings.shares_ipc = TRY(shares(arguments, "ipc", {"shareable", "none"}));
  surroundings.shares_uts = TRY(shares(arguments, "uts", {}));
  if (surroundings.shares_uts && arguments.has("hostname"))
    return fail(ErrorKind::invalid, "--hostname and --uts=host do not go together");
  surroundings.time_zone = arguments.value("tz");
  if (!surroundings.time_zone.empty()) TRY(check_time_zone(surroundings.time_zone));
  surroundings.unset_names = arguments.values("unsetenv");
  surroundings.unsets_all = arguments.on("unsetenv-all");
  return surroundings;
}

void apply_surroundings(const ProgramSurroundings& surroundings, oci::RuntimeConfig& config) {
  config.process.umask = surroundings.umask;
  config.process.oom_score_adj = surroundings.oom_score_adj;
  config.sysctl = surroundings.sysctl;
  config.annotations = surroundings.annotations;
  if (surroundings.shares_ipc) share_ipc(config);
  if (surroundings.shares_uts) std::erase(config.namespaces, oci::RuntimeNamespace(oci::Namespace::uts));
}

Result<> add_groups(const ProgramSurroundings& surroundings, const Fd& rootfs, oci::RuntimeProcess& process) {
  for (const std::string& group : surroundings.groups) {
    const gid_t gid = TRY(run::look_up_owner(rootfs, ":" + group)).gid;
    if (std::ranges::find(process.additional_gids, gid) == process.additional_gids.end())
      process.additional_gids.push_back(gid);
  }
  return {};
}

Result<std::optional<std::string>> time_zone_file(const ProgramSurroundings& surroundings) {
  const std::string& zone = surroundings.time_zone;
  if (zone.empty()) return std::nullopt;
  const std::string path = zone == "local" ? "/etc/localtime" : "/usr/share/zoneinfo/" + zone;
  auto content = posix::read_file(path, k_zone_limit);
  if (content) return std::move(*content);
  return std::unexpected(
      Error(ErrorKind::not_found, fmt::format("there is no time zone '{}'", printable(zone, 100)))
          .hint("zones are files below /usr/share/zoneinfo of this host (package tzdata)"));
}

}  // namespace ecrin::cli
