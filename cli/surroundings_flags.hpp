// Flags of `ecrin run` about what surrounds the program: its groups, its umask, settings of the kernel, which
// namespaces it shares with the host, the time zone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "cli/arguments.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::cli {

struct ProgramSurroundings {
  bool privileged = false;
  std::vector<std::string> groups;  // names or numbers, besides those of the user
  std::optional<mode_t> umask;
  std::optional<int> oom_score_adj;
  std::map<std::string, std::string> sysctl;
  std::map<std::string, std::string> annotations;
  bool shares_ipc = false;
  bool shares_uts = false;
  std::string time_zone;                 // "" = the image's; "local": the host's
  std::vector<std::string> unset_names;  // variables of the image that are left out
  bool unsets_all = false;
};

std::vector<Flag> surroundings_flags();
Result<ProgramSurroundings> parse_surroundings(const Arguments& arguments);

/// All but groups and the time zone, which need the container's files and the host's.
void apply_surroundings(const ProgramSurroundings& surroundings, oci::RuntimeConfig& config);
Result<> add_groups(const ProgramSurroundings& surroundings, const Fd& rootfs, oci::RuntimeProcess& process);
/// The content of /etc/localtime; none: it is the image's.
Result<std::optional<std::string>> time_zone_file(const ProgramSurroundings& surroundings);

}  // namespace ecrin::cli
