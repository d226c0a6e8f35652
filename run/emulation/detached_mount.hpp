// A file system of our own that is mounted nowhere: it is there as long as the descriptor is.
#pragma once

#include <string>

#include "base/fd.hpp"

namespace ecrin::run {

/// Needs the rights to mount. Errors have the kernel's errno.
Result<Fd> mount_detached(const std::string& type);

}  // namespace ecrin::run
