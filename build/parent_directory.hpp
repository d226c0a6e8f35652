// ParentDirectory: opens the files of a tree one after the other without looking their whole paths up: the
// directory of the last one stays open.
#pragma once

#include <string>

#include "base/posix.hpp"
#include "build/pattern.hpp"

namespace ecrin::build {

class ParentDirectory {
public:
  /// `root` must outlive this.
  explicit ParentDirectory(const Fd& root) : m_root(root) {}

  /// The directory of this real path (O_PATH), valid until the next call. No symlink is followed.
  Result<const Fd*> of(const std::string& path) {
    std::string parent = parent_path(path);
    if (!m_directory || m_path != parent) {
      m_directory =
          TRY(posix::open_beneath_no_symlinks(m_root, parent.empty() ? "." : parent, O_PATH | O_DIRECTORY));
      m_path = std::move(parent);
    }
    return &m_directory;
  }
  /// A file to read, whatever it is by now: not through a symlink, without waiting for a writer.
  Result<Fd> open(const std::string& path) {
    return posix::open_at(*TRY(of(path)), base_name(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }

private:
  const Fd& m_root;
  std::string m_path;
  Fd m_directory;
};

}  // namespace ecrin::build
