// What layers need of the file system that the store is on, found by trying: told when the store is opened,
// not in the middle of a build.
#pragma once

#include <string>

#include "base/fd.hpp"

namespace ecrin::fs {

/// Layers say in attributes of a user's own (user.*) what they cover, and whose files are.
Result<> check_attributes(const Fd& directory);
/// Files can be given to the other users of this user namespace, where it has any and they are not recorded.
Result<> check_owners(const Fd& directory);
/// An overlay, where whiteouts are its own.
bool refuses_whiteouts(const Fd& directory);
/// Programs in it can be executed: for trees that are copies, overlays do not mind.
Result<> check_executable(const Fd& directory);

}  // namespace ecrin::fs
