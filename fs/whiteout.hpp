// Overlay form: how a layer directory says "not here any more". A whiteout is a character device 0/0, which
// anybody may make (Linux 5.8); an opaque directory hides what lower layers have in it. Also the names by
// which tar layers and fuse-overlayfs say the same.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace ecrin::fs {

inline constexpr std::string_view k_whiteout_prefix = ".wh.";
inline constexpr std::string_view k_opaque_whiteout = ".wh..wh..opq";

bool is_whiteout(const struct stat& status);
Result<> make_whiteout(const Fd& directory, const std::string& name);

/// The marks of all drivers are known.
Result<bool> is_opaque(const Fd& parent, const std::string& name);
/// Sets the marks of the kernel and of fuse-overlayfs.
Result<> set_opaque(const Fd& parent, const std::string& name);

/// Attributes by which overlay, fuse-overlayfs, containers/storage and ecrin itself steer: never part of a
/// layer, neither read from one nor written to one.
bool is_control_xattr(std::string_view name);

/// The mark (on the top directory of a layer) that this layer changes the root directory's own metadata.
/// Without it the top directory is only the place where the layer stands.
inline constexpr const char* k_root_mark = "user.ecrin.root";
Result<bool> has_root_mark(const Fd& layer);
enum class RootMark { absent, present };
Result<> put_root_mark(const Fd& layer, RootMark mark);

}  // namespace ecrin::fs
