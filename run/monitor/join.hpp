// Into the user namespace of a container's monitor, for verbs that work on the container's files themselves.
#pragma once

#include "base/fd.hpp"

namespace ecrin::run {

/// `control` is connected to the monitor, which must be of this user. Afterwards this process is root of its
/// user namespace, with mounts of its own. While there is one thread.
Result<> join_monitor(const Fd& control);

}  // namespace ecrin::run
