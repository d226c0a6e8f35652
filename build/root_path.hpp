// Paths inside a tree that somebody else wrote: symlinks and ".." are resolved as if the tree's root were
// "/".
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "fs/lower_tree.hpp"

namespace ecrin::build {

struct RootPath {
  std::string path;  // real path below the root, no leading slash, no symlink in it; "" = the root
  std::optional<struct stat>
      status;  // none: it does not exist (its deepest existing directory is real all the same)
};

/// Follows every symlink, the last one too. What does not exist is taken as written, so a dangling symlink
/// leads to where its target would be. A file in the middle of the path is an error.
Result<RootPath> resolve_in_root(const Fd& root, std::string_view path);
/// The same in a tree that is not mounted; it stands anywhere afterwards.
Result<RootPath> resolve_in_root(fs::LowerTree& tree, std::string_view path);

/// lstat of a real path (no symlink is followed anywhere); empty when there is nothing.
Result<std::optional<struct stat>> lstat_real(const Fd& root, const std::string& path);
/// A real directory below the root.
Result<Fd> open_real_directory(const Fd& root, const std::string& path);

}  // namespace ecrin::build
