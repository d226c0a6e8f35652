// The agent that answers for a container's system calls (SCMP_ACT_NOTIFY): a process of somebody else, which
// listens on a socket.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.hpp"
#include "oci/seccomp_config.hpp"

namespace ecrin::run {

/// Gives the agent at config.listener_path the listener, with the spec's container process state: `state` is
/// the container's state as JSON, `pid` that of the filtered process.
Result<> send_seccomp_listener(const oci::SeccompConfig& config, const Fd& listener, pid_t pid,
                               const std::string& state);

}  // namespace ecrin::run
