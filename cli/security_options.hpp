// --security-opt: what a container's programs may do and see.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::cli {

struct SecurityOptions {
  enum class Seccomp { usual, unconfined, profile };
  Seccomp seccomp = Seccomp::usual;
  std::string seccomp_profile;  // a file of the host, as typed
  std::optional<bool> no_new_privileges;
  std::vector<std::string> masked;    // paths in the container, hidden too
  std::vector<std::string> unmasked;  // patterns of paths that are neither hidden nor read-only
  bool unmasks_all = false;
  std::vector<std::string> proc_options;  // "hidepid=2"
  std::string apparmor;                   // a profile; "" = none
  bool labels = false;                    // a label of SELinux was asked for
  bool operator==(const SecurityOptions&) const = default;
};

/// Docker's "name:value" and podman's "name=value".
Result<SecurityOptions> parse_security_options(const std::vector<std::string>& texts);

/// As --privileged has it, where nothing else was said: no filter, nothing hidden, setuid programs.
void be_privileged(SecurityOptions& options);

/// With everything but the filter: masks, privileges, AppArmor.
void apply_security(const SecurityOptions& options, oci::RuntimeConfig& config);

/// The filter of system calls for a program with these capabilities; sets `default_seccomp` and `seccomp`.
Result<> choose_seccomp(const SecurityOptions& options, oci::RuntimeConfig& config);

}  // namespace ecrin::cli
