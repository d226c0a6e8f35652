// Which paths of a program with a root directory of its own (chroot_plan.hpp) lead to files of the kernel,
// and where those are for this process. Pure.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace ecrin::run {

/// `path` is an absolute one of the thread `thread` of `process` (both as this process sees them). Nothing:
/// it is a file of its own root directory.
std::optional<std::string> host_path(std::string_view path, pid_t process, pid_t thread);

}  // namespace ecrin::run
