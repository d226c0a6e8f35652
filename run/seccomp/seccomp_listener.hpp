// The agent that answers for a container's system calls (SCMP_ACT_NOTIFY): a process of somebody else, which
// listens on a socket.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.hpp"
#include "oci/seccomp_config.hpp"

namespace ecrin::run {

/// A connection to the agent at config.listener_path. The listener is sent over it with the state below.
Result<Fd> connect_seccomp_agent(const oci::SeccompConfig& config);

/// The spec's container process state: `state` is the container's state as JSON, `pid` that of the filtered
/// process.
Result<std::string> seccomp_listener_state(const oci::SeccompConfig& config, pid_t pid,
                                           const std::string& state);

}  // namespace ecrin::run
