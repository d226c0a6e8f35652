#include "build/run_settings.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::build {

KeyInputs key_inputs(const RunSettings& settings) {
  KeyInputs inputs;
  for (const auto& [name, address] : settings.hosts) inputs.push_back({"host " + name, address});
  for (const oci::RuntimeMount& mount : settings.mounts)
    inputs.push_back({"volume " + mount.destination, mount.source + ":" + join(mount.options, ",")});
  if (settings.capabilities) inputs.push_back({"capabilities", join(*settings.capabilities, " ")});
  if (!settings.seccomp) inputs.push_back({"seccomp", "unconfined"});
  if (!settings.masked_paths) inputs.push_back({"system paths", "unconfined"});
  if (settings.no_new_privileges) inputs.push_back({"new privileges", "none"});
  return inputs;
}

RunSettings with_more(RunSettings settings, const RunSettings& more) {
  const auto replace = [](auto& list, const auto& by, const auto& name) {
    std::erase_if(list, [&](const auto& old) {
      return std::ranges::any_of(by, [&](const auto& one) { return one.*name == old.*name; });
    });
    list.insert(list.end(), by.begin(), by.end());
  };
  replace(settings.hosts, more.hosts, &std::pair<std::string, std::string>::first);
  replace(settings.limits, more.limits, &oci::Rlimit::type);
  replace(settings.mounts, more.mounts, &oci::RuntimeMount::destination);
  settings.resources = more.resources;
  settings.cgroups = more.cgroups;
  return settings;
}

std::string with_resolver(const RunSettings& settings, const std::string& resolv_conf) {
  const auto is_replaced = [&](std::string_view line) {
    const std::string_view keyword = line.substr(0, line.find_first_of(" \t"));
    return (keyword == "nameserver" && !settings.nameservers.empty()) ||
           ((keyword == "search" || keyword == "domain") && !settings.search_domains.empty()) ||
           (keyword == "options" && !settings.resolver_options.empty());
  };
  std::string text;
  for (const std::string& line : split(resolv_conf, '\n')) {
    if (!line.empty() && !is_replaced(trim(line))) text += line + "\n";
  }
  if (!settings.search_domains.empty()) text += "search " + join(settings.search_domains, " ") + "\n";
  for (const std::string& server : settings.nameservers) text += "nameserver " + server + "\n";
  if (!settings.resolver_options.empty()) text += "options " + join(settings.resolver_options, " ") + "\n";
  return text;
}

void apply(const RunSettings& settings, run::ContainerOptions& options) {
  oci::RuntimeConfig& config = options.config;
  for (auto& [path, content] : options.managed_files) {
    if (path == "/etc/resolv.conf") content = with_resolver(settings, content);
    if (path != "/etc/hosts") continue;
    for (const auto& [name, address] : settings.hosts) content += fmt::format("{}\t{}\n", address, name);
  }
  for (const oci::Rlimit& limit : settings.limits) {
    std::erase_if(config.process.rlimits, [&](const oci::Rlimit& other) { return other.type == limit.type; });
    config.process.rlimits.push_back(limit);
  }
  if (settings.shared_memory) {
    for (oci::RuntimeMount& mount : config.mounts) {
      if (mount.destination != "/dev/shm") continue;
      std::erase_if(mount.options, [](const std::string& option) { return option.starts_with("size="); });
      mount.options.push_back(fmt::format("size={}", *settings.shared_memory));
    }
  }
  for (const oci::RuntimeMount& mount : settings.mounts) config.mounts.push_back(mount);
  if (settings.capabilities) config.process.capabilities = oci::Capabilities::of(*settings.capabilities);
  if (config.process.uid != 0) config.process.capabilities.keep_bounding_only();
  if (!settings.seccomp) config.default_seccomp = false;
  if (!settings.masked_paths) {
    config.masked_paths.clear();
    config.read_only_paths.clear();
  }
  if (settings.no_new_privileges) config.process.no_new_privileges = true;
  config.resources = settings.resources;
  options.cgroups = settings.cgroups;
}

}  // namespace ecrin::build
