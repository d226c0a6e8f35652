// Containers in which systemd is process 1 (--systemd): what a system manager needs of its container, after
// systemd's "container interface".
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/mount_spec.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::cli {

enum class SystemdMode {
  off,
  words,    // when the command line names an init: the default
  program,  // when the container's program is an init
  always,
  boot,  // always, and the program is an init where nobody says another one
};
Flag systemd_flag();
Result<SystemdMode> parse_systemd_mode(const Arguments& arguments);

/// Is the program systemd, or what distributions call it?
bool is_system_manager(const std::vector<std::string>& args);
constexpr const char* k_system_manager = "/sbin/init";
constexpr const char* k_halt_signal = "RTMIN+3";

/// File systems in memory that are there before it starts.
std::vector<MountSpec> systemd_mounts();
/// Variables by which it knows that it is in a container, and in which one.
std::vector<std::string> systemd_variables(const std::string& container_id);
/// Its cgroups can be written to.
void open_cgroup_mount(oci::RuntimeConfig& config);

}  // namespace ecrin::cli
