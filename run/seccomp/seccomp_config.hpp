// The filter of system calls that a config.json asks for: linux.seccomp, compiled.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "oci/seccomp_config.hpp"

namespace ecrin::run {

struct SeccompFilter {
  std::string program;      // the bytes of an array of sock_filter; "" = unconfined
  std::uint64_t flags = 0;  // SECCOMP_FILTER_FLAG_*; NEW_LISTENER when an action is to notify
  bool operator==(const SeccompFilter&) const = default;
};

/// Names of system calls that this machine does not know are left out. Everything else that is not known
/// (actions, operators, architectures, flags) is an error that names it, and so is what could never work: a
/// program whose every call waits for a listener that does not exist yet.
Result<SeccompFilter> compile_seccomp_config(const oci::SeccompConfig& config);

/// The same, from a directory of ours in which earlier results are kept: compiling takes milliseconds, and
/// engines ask for the same few filters again and again. The directory is made when it is missing; one that
/// others could write to is not used. A result that cannot be kept is none the worse.
Result<SeccompFilter> cached_seccomp_config(const oci::SeccompConfig& config, const std::string& directory);

}  // namespace ecrin::run
