// Trees on disk: remove and copy, by descriptors only, never through a symlink, at any depth.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hpp"

namespace ecrin::fs {

/// Removes `name` under `parent` with everything in it; directories without permission bits are opened up
/// first. Nothing there: success. Mount points are not crossed (EBUSY is reported).
Result<> remove_tree(const Fd& parent, const std::string& name);
/// The contents, not the directory itself.
Result<> clear_directory(const Fd& directory);

enum class Hardlinks { keep, split };
/// Copies the contents of `from` into the existing directory `to` with type, mode, owner, times and xattrs
/// (as far as they can be set); file data by reflink where the file system can. split: every name gets an
/// inode of its own.
Result<> copy_tree(const Fd& from, const Fd& to, Hardlinks hardlinks);

struct TreeSize {
  std::uint64_t bytes = 0;  // allocated on disk
  std::uint64_t entries = 0;
};
Result<TreeSize> measure_tree(const Fd& directory);

}  // namespace ecrin::fs
