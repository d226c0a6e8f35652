#include "fs/directory_stack.hpp"

#include <algorithm>

#include "base/posix.hpp"

namespace ecrin::fs {

namespace {
constexpr int k_directory_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
}

Result<DirectoryStack> DirectoryStack::open(const Fd& root, std::size_t keep_open) {
  return at(TRY(posix::open_at(root, ".", k_directory_flags)), keep_open);
}

DirectoryStack DirectoryStack::at(Fd root, std::size_t keep_open) {
  DirectoryStack stack(std::max<std::size_t>(keep_open, 2));
  stack.m_levels.push_back({.directory = std::move(root)});
  return stack;
}

Result<> DirectoryStack::enter(const std::string& name) {
  m_levels.push_back({.directory = TRY(posix::open_at(top(), name, k_directory_flags))});
  if (m_levels.size() > m_keep_open) {
    Level& oldest = m_levels[m_levels.size() - 1 - m_keep_open];
    if (oldest.directory) {
      const struct stat status = TRY(posix::stat_fd(oldest.directory));
      oldest.device = status.st_dev;
      oldest.inode = status.st_ino;
      oldest.directory.reset();
    }
  }
  return {};
}

Result<> DirectoryStack::leave() {
  Level& above = m_levels[m_levels.size() - 2];
  if (!above.directory) {
    Fd directory = TRY(posix::open_at(top(), "..", k_directory_flags));
    const struct stat status = TRY(posix::stat_fd(directory));
    if (status.st_dev != above.device || status.st_ino != above.inode) {
      return fail(ErrorKind::conflict, "a directory was moved while its tree was walked");
    }
    above.directory = std::move(directory);
  }
  m_levels.pop_back();
  return {};
}

Result<Fd> open_directory_beneath(const Fd& root, std::string_view path) {
  constexpr std::size_t k_longest = 3500;  // below PATH_MAX, with room for what the fallback of openat2 adds
  Fd current = TRY(posix::open_at(root, ".", k_directory_flags));
  while (!path.empty()) {
    std::size_t length = path.size();
    if (length > k_longest) {
      length = path.rfind('/', k_longest);
      if (length == std::string_view::npos || length == 0) {
        return std::unexpected(Error::from_errno(ENAMETOOLONG, "cannot open a directory"));
      }
    }
    current = TRY(posix::open_beneath_no_symlinks(current, path.substr(0, length), k_directory_flags));
    path.remove_prefix(length);
    while (path.starts_with('/')) path.remove_prefix(1);
  }
  return current;
}

}  // namespace ecrin::fs
