#include "cli/systemd_mode.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::cli {

Flag systemd_flag() {
  return {.name = "systemd",
          .value = "MODE",
          .help = "boot the image's systemd; =true: when the program is an init; =always; =false",
          .completion = Completion::word,
          .words = {"boot", "true", "always", "false"},
          .alone = "boot"};
}

Result<SystemdMode> parse_systemd_mode(const Arguments& arguments) {
  const auto text = arguments.find("systemd");
  if (!text) return SystemdMode::words;
  if (*text == "false") return SystemdMode::off;
  if (*text == "true") return SystemdMode::program;
  return *text == "always" ? SystemdMode::always : SystemdMode::boot;
}

bool is_system_manager(const std::vector<std::string>& args) {
  static constexpr std::string_view k_inits[] = {"/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"};
  if (args.empty()) return false;
  const std::string& program = args.front();
  return std::ranges::find(k_inits, program) != std::end(k_inits) ||
         program.substr(program.rfind('/') + 1) == "systemd";
}

std::vector<MountSpec> systemd_mounts() {
  std::vector<MountSpec> mounts;
  for (const char* place : {"/run", "/run/lock", "/tmp", "/var/log/journal"}) {
    const bool is_open = std::string_view(place) == "/tmp" || std::string_view(place) == "/run/lock";
    mounts.push_back({.type = MountSpec::Type::tmpfs,
                      .source = "",
                      .destination = place,
                      .options = {"nosuid", "nodev", is_open ? "mode=1777" : "mode=0755", "tmpcopyup"}});
  }
  return mounts;
}

std::vector<std::string> systemd_variables(const std::string& container_id) {
  return {"container=oci", "container_uuid=" + container_id.substr(0, 32)};
}

void open_cgroup_mount(oci::RuntimeConfig& config) {
  for (oci::RuntimeMount& mount : config.mounts)
    if (mount.type == "cgroup2") std::ranges::replace(mount.options, std::string("ro"), std::string("rw"));
}

}  // namespace ecrin::cli
