#include "cli/run_settings.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/container_request.hpp"
#include "cli/environment.hpp"
#include "cli/mount_spec.hpp"
#include "cli/resource_flags.hpp"
#include "cli/security_options.hpp"
#include "run/plan/setup_plan.hpp"

namespace ecrin::cli {
namespace {

bool is_address(const std::string& text) {
  in6_addr unused{};
  return ::inet_pton(AF_INET, text.c_str(), &unused) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &unused) == 1;
}

Result<std::uint64_t> parse_limit(std::string_view text, std::string_view whole) {
  if (text == "-1" || text == "unlimited") return UINT64_MAX;  // RLIM_INFINITY
  const auto number = parse_unsigned(text, INT64_MAX);
  if (!number) {
    return fail(ErrorKind::invalid, "--ulimit is NAME=SOFT[:HARD] with numbers or -1, not '{}'",
                printable(whole));
  }
  return *number;
}

Result<oci::RuntimeMount> parse_build_volume(const std::string& text) {
  const MountSpec spec = TRY(parse_volume(text));
  if (spec.type != MountSpec::Type::bind) {
    return std::unexpected(
        Error(ErrorKind::invalid,
              fmt::format("--volume of a build is HOST-PATH:PATH[:OPTIONS], not '{}'", printable(text)))
            .hint("what shall last from build to build is a cache mount of the recipe"));
  }
  if (spec.gives_away)
    return fail(ErrorKind::invalid, "a build gives nothing of yours away: 'U' in '{}'", printable(text));
  oci::RuntimeMount mount{
      .destination = spec.destination, .type = "bind", .source = "", .options = spec.options};
  mount.source = TRY(absolute_path(spec.source));
  TRY_WHILE(posix::open(mount.source, O_PATH), "looking for what shall be mounted on {}",
            printable(spec.destination));
  return mount;
}

// Of what a container may be told, a step may be told what is the same for all steps.
Result<> read_security(build::RunSettings& settings, const std::vector<std::string>& texts) {
  const SecurityOptions options = TRY(parse_security_options(texts));
  if (options.seccomp == SecurityOptions::Seccomp::profile || !options.apparmor.empty() ||
      !options.masked.empty() || !options.unmasked.empty() || !options.proc_options.empty())
    return std::unexpected(
        Error(ErrorKind::unsupported,
              fmt::format("--security-opt '{}' cannot be had for steps", printable(join(texts, " "), 300)))
            .hint("there are seccomp=unconfined, no-new-privileges and unmask=ALL; label=... and "
                  "apparmor=unconfined change nothing"));
  settings.seccomp = options.seccomp == SecurityOptions::Seccomp::usual;
  settings.masked_paths = !options.unmasks_all;
  settings.no_new_privileges = options.no_new_privileges.value_or(false);
  return {};
}

}  // namespace

Result<> read_limits(const Arguments& arguments, build::RunSettings& settings) {
  for (const std::string& text : arguments.values("ulimit"))
    settings.limits.push_back(TRY(parse_ulimit(text)));
  if (const auto size = arguments.find("shm-size")) {
    const auto bytes = parse_size(*size);
    if (!bytes || *bytes == 0)
      return fail(ErrorKind::invalid, "--shm-size is a size like 64m, not '{}'", printable(*size));
    settings.shared_memory = *bytes;
  }
  return {};
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '#';
  });
}

Result<run::ResolverSettings> parse_resolver(const Arguments& arguments) {
  run::ResolverSettings settings;
  for (const std::string& server : arguments.values("dns")) {
    const auto address = run::IpAddress::parse(server);
    if (!address)
      return fail(ErrorKind::invalid, "--dns is the address of a server, not '{}'", printable(server));
    settings.servers.push_back(address->to_string());
  }
  if (settings.servers.size() > run::k_most_nameservers)
    return fail(ErrorKind::invalid, "--dns can be given {} times at most", run::k_most_nameservers);
  settings.search = arguments.values("dns-search");
  settings.options = arguments.values("dns-option");
  for (const auto* list : {&settings.search, &settings.options}) {
    for (const std::string& word : *list) {
      if (!is_word(word))
        return fail(ErrorKind::invalid, "'{}' cannot stand in /etc/resolv.conf", printable(word));
    }
  }
  return settings;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_add_host(std::string_view text) {
  const std::size_t border = text.find_first_of("=:");
  const std::vector<std::string> names = split(text.substr(0, border), ';');
  std::string address = border == std::string_view::npos ? "" : std::string(text.substr(border + 1));
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  if (address == "host-gateway") {
    return fail(ErrorKind::unsupported, "--add-host '{}': steps do not reach the host by an address",
                printable(text));
  }
  if (!is_address(address) || !std::ranges::all_of(names, is_word))
    return fail(ErrorKind::invalid, "--add-host is NAME:ADDRESS, not '{}'", printable(text));
  std::vector<std::pair<std::string, std::string>> hosts;
  for (const std::string& name : names) hosts.emplace_back(name, address);
  return hosts;
}

Result<oci::Rlimit> parse_ulimit(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos)
    return fail(ErrorKind::invalid, "--ulimit is NAME=SOFT[:HARD], not '{}'", printable(text));
  oci::Rlimit limit{.type = "RLIMIT_"};
  for (const char c : to_lower(text.substr(0, equals)))
    limit.type += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  TRY(run::parse_resource_name(limit.type));
  const std::vector<std::string> values = split(text.substr(equals + 1), ':');
  if (values.empty() || values.size() > 2)
    return fail(ErrorKind::invalid, "--ulimit is NAME=SOFT[:HARD], not '{}'", printable(text));
  limit.soft = TRY(parse_limit(values.front(), text));
  limit.hard = TRY(parse_limit(values.back(), text));
  if (limit.soft > limit.hard)
    return fail(ErrorKind::invalid, "--ulimit '{}': the soft limit is above the hard one", printable(text));
  return limit;
}

Result<build::RunSettings> run_settings(const Arguments& arguments) {
  build::RunSettings settings;
  for (const std::string& text : arguments.values("add-host")) {
    for (auto& host : TRY(parse_add_host(text))) settings.hosts.push_back(std::move(host));
  }
  run::ResolverSettings resolver = TRY(parse_resolver(arguments));
  settings.nameservers = std::move(resolver.servers);
  settings.search_domains = std::move(resolver.search);
  settings.resolver_options = std::move(resolver.options);
  TRY(read_limits(arguments, settings));
  TRY(read_security(settings, arguments.values("security-opt")));
  for (const std::string& text : arguments.values("volume"))
    settings.mounts.push_back(TRY(parse_build_volume(text)));
  if (arguments.has("cap-add") || arguments.has("cap-drop")) {
    settings.capabilities = TRY(choose_capabilities(oci::default_capabilities(), arguments.words("cap-add"),
                                                    arguments.words("cap-drop")));
  }
  settings.resources = TRY(parse_resources(arguments));
  return settings;
}

std::vector<Flag> run_settings_flags() {
  return {
      {.name = "add-host",
       .value = "NAME:ADDRESS",
       .help = "a line of /etc/hosts for run steps",
       .occurs = Occurs::often},
      {.name = "cap-add",
       .value = "CAPABILITY",
       .help = "give run steps a capability, or ALL",
       .occurs = Occurs::often},
      {.name = "cap-drop",
       .value = "CAPABILITY",
       .help = "take a capability from run steps, or ALL",
       .occurs = Occurs::often},
      {.name = "dns",
       .value = "ADDRESS",
       .help = "the nameserver of run steps, instead of the host's",
       .occurs = Occurs::often},
      {.name = "dns-option",
       .value = "OPTION",
       .help = "an option of their resolver",
       .occurs = Occurs::often},
      {.name = "dns-search",
       .value = "DOMAIN",
       .help = "where their resolver looks for short names",
       .occurs = Occurs::often},
      {.name = "security-opt",
       .value = "OPTION",
       .help = "for run steps: seccomp=unconfined, no-new-privileges, unmask=ALL",
       .occurs = Occurs::often},
      {.name = "shm-size", .value = "SIZE", .help = "of /dev/shm in run steps; default: 64m"},
      {.name = "ulimit",
       .value = "NAME=SOFT[:HARD]",
       .help = "a limit of the processes of run steps: nofile=1024:2048",
       .occurs = Occurs::often},
      {.name = "volume",
       .letter = 'v',
       .value = "HOST-PATH:PATH[:OPTIONS]",
       .help = "mount a host path in run steps",
       .occurs = Occurs::often,
       .completion = Completion::directory},
  };
}

}  // namespace ecrin::cli
