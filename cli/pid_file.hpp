// The files of --pid-file and --pidfile, by which supervisors find a process.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/error.hpp"

namespace ecrin::cli {

/// The number alone, without a newline, as engines read it; there whole or not at all.
Result<> write_pid_file(const std::string& path, pid_t pid);

}  // namespace ecrin::cli
