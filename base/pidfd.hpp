// A process by descriptor: no later process with the same number can be taken for it.
#pragma once

#include <sys/types.h>

#include "base/fd.hpp"

namespace ecrin::posix {

/// ESRCH: there is no such process.
Result<Fd> open_pidfd(pid_t pid);

}  // namespace ecrin::posix
