// The mounts of a container that has no mount namespace of its own (its config lists none): they lie on its
// root directory in the runtime's namespace, and do not end with it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin::run {

/// How many mounts on `place` (an absolute path without symlinks) are a container's, the uppermost ones, out
/// of the text of /proc/self/mountinfo. Pure.
std::size_t count_container_mounts(std::string_view mountinfo, std::string_view place);

/// Takes them off its root directory, with all that is mounted below.
Result<> take_off_mounts(const std::string& rootfs);

}  // namespace ecrin::run
