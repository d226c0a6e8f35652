// DirectoryStack: the directories from a root down to the place where a walk stands, any number of levels
// deep. Only the deepest few stay open; a level above them is opened again through "..", and must then be the
// directory that it was. So neither the descriptor limit nor the length of a path bounds a tree.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::fs {

class DirectoryStack {
public:
  static constexpr std::size_t k_keep_open = 32;
  static Result<DirectoryStack> open(const Fd& root, std::size_t keep_open = k_keep_open);
  /// With this descriptor (O_PATH) of the root.
  static DirectoryStack at(Fd root, std::size_t keep_open = k_keep_open);

  /// Into a directory below; a symlink is not followed.
  Result<> enter(const std::string& name);
  Result<> leave();
  const Fd& top() const { return m_levels.back().directory; }  // O_PATH
  std::size_t depth() const { return m_levels.size() - 1; }    // 0: at the root

private:
  struct Level {
    Fd directory;  // empty: closed for now
    dev_t device = 0;
    ino_t inode = 0;
  };
  explicit DirectoryStack(std::size_t keep_open) : m_keep_open(keep_open) {}
  std::vector<Level> m_levels;
  std::size_t m_keep_open;
};

/// Opens (O_PATH) the directory `path` under `root`, which may be longer than PATH_MAX. No symlink is
/// followed.
Result<Fd> open_directory_beneath(const Fd& root, std::string_view path);

}  // namespace ecrin::fs
