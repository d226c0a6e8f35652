// Which paths of a program with a root directory of its own (chroot_plan.hpp) lead to files of the kernel,
// and where those are for this process. Pure.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "run/owners/caller.hpp"

namespace ecrin::run {

/// `path` is an absolute one of the thread `thread` of `process` (both as this process sees them). Nothing:
/// it is a file of its own root directory, as its links to files of the kernel are.
std::optional<std::string> host_path(std::string_view path, pid_t process, pid_t thread,
                                     FinalSymlink final = FinalSymlink::follow);

/// Of such a path: is something in the root directory that has the name (placed_files.hpp)? The device is not
/// the program's alone.
bool has_stand_in(std::string_view host_path);

}  // namespace ecrin::run
