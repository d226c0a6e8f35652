// What the posix_*.cpp files share. Internal to base/.
#pragma once

#include "base/posix.hpp"

namespace ecrin::posix {

/// The file behind a descriptor, for messages: its path as the kernel tells it.
std::string describe(const Fd& fd);

/// The error of a call that failed just now: "cannot `verb` 'path'". Asking for the path does not lose errno.
std::unexpected<Error> failed(std::string_view verb, const Fd& fd);

/// Calls until it is not interrupted.
template <class F>
auto retry(F call) -> decltype(call()) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

enum class Symlinks { follow, refuse };

/// The meaning of openat2 with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS (and RESOLVE_NO_SYMLINKS), walked name
/// by name with O_PATH descriptors.
Result<Fd> walk_in_root(const Fd& root, std::string_view path, int flags, mode_t mode, Symlinks symlinks);

}  // namespace ecrin::posix
