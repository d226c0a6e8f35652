// The default system call filter: what docker and podman allow, as a compiled BPF program (seccomp(2)).
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "run/capabilities.hpp"

namespace ecrin::run {

/// The filter for a program with these capabilities: the bytes of an array of sock_filter. The one for the
/// default set was compiled when ecrin was built; others take some milliseconds once a process.
Result<std::string> seccomp_filter(CapabilitySet capabilities);

/// Compiles without looking for a ready one.
Result<std::string> compile_seccomp_filter(CapabilitySet capabilities);

}  // namespace ecrin::run
