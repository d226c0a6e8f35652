#include "fs/tree.hpp"

#include <map>

#include "fs/metadata.hpp"
#include "fs/walk.hpp"

namespace ecrin::fs {

namespace {

// rmdir first: it refuses a mount point (EBUSY) before looking for entries, so nothing below one is ever
// touched, and most directories at the bottom of a tree go without being opened.
Result<bool> remove_empty_directory(const Fd& parent, const std::string& name) {
  auto removed = posix::unlink_at(parent, name, AT_REMOVEDIR);
  if (removed) return true;
  if (removed.error().code() == ENOTEMPTY || removed.error().code() == EEXIST) return false;
  return std::unexpected(std::move(removed).error());
}

// Directories that a container left may have no permission bits.
Result<> open_up(const Fd& parent, const std::string& name, const struct stat& status) {
  if ((status.st_mode & 0700) == 0700) return {};
  return posix::chmod_at(parent, name, 0700);
}

struct Remover : Visitor {
  static Result<Descend> visit(const Place& place) {
    if (!S_ISDIR(place.status.st_mode)) {
      TRY(posix::unlink_at(place.directory, place.name));
      return Descend::no;
    }
    if (TRY(remove_empty_directory(place.directory, place.name))) return Descend::no;
    TRY(open_up(place.directory, place.name, place.status));
    return Descend::yes;
  }
  static Result<> leave(const Place& place) {
    return posix::unlink_at(place.directory, place.name, AT_REMOVEDIR);
  }
};

class Copier : public Visitor {
public:
  Copier(const Fd& to, DirectoryStack stack, Hardlinks hardlinks)
      : m_to(to), m_stack(std::move(stack)), m_hardlinks(hardlinks) {}

  Result<Descend> visit(const Place& place) {
    if (S_ISDIR(place.status.st_mode)) {
      TRY(posix::mkdir_at(m_stack.top(), place.name, 0700));
      TRY(m_stack.enter(place.name));
      return Descend::yes;
    }
    if (m_hardlinks == Hardlinks::keep && place.status.st_nlink > 1) {
      const auto [first, is_new] = m_links.try_emplace(inode_of(place.status), place.prefix, place.name);
      if (!is_new) {
        const auto& [prefix, name] = first->second;
        const Fd directory = TRY(open_directory_beneath(m_to, prefix));
        TRY(posix::link_at(directory, name, m_stack.top(), place.name));
        return Descend::no;
      }
    }
    TRY(copy_node(place.directory, place.name, place.status, m_stack.top(), XattrScope::all));
    return Descend::no;
  }

  Result<> leave(const Place& place) {
    TRY(m_stack.leave());
    return copy_metadata(place.directory, place.name, place.status, m_stack.top(), place.name,
                         XattrScope::all);
  }

private:
  const Fd& m_to;
  DirectoryStack m_stack;
  Hardlinks m_hardlinks;
  std::map<Inode, std::pair<std::string, std::string>> m_links;  // its first place: prefix and name
};

struct Measure : Visitor {
  TreeSize size;
  std::map<Inode, bool> seen;
  Result<Descend> visit(const Place& place) {
    ++size.entries;
    const bool is_directory = S_ISDIR(place.status.st_mode);
    if (is_directory || place.status.st_nlink < 2 || seen.try_emplace(inode_of(place.status), true).second) {
      size.bytes += static_cast<std::uint64_t>(place.status.st_blocks) * 512;
    }
    return is_directory ? Descend::yes : Descend::no;
  }
};

}  // namespace

Result<> clear_directory(const Fd& directory) {
  Remover remover;
  return walk(directory, remover);
}

Result<> remove_tree(const Fd& parent, const std::string& name) {
  const auto status = posix::lstat_at(parent, name);
  if (!status) {
    if (status.error().kind() == ErrorKind::not_found) return {};
    return std::unexpected(status.error());
  }
  if (!S_ISDIR(status->st_mode)) return posix::unlink_at(parent, name);
  if (TRY(remove_empty_directory(parent, name))) return {};
  TRY(open_up(parent, name, *status));
  {
    const Fd directory = TRY(posix::open_at(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY(clear_directory(directory));
  }
  return posix::unlink_at(parent, name, AT_REMOVEDIR);
}

Result<> copy_tree(const Fd& from, const Fd& to, Hardlinks hardlinks) {
  Copier copier(to, TRY(DirectoryStack::open(to)), hardlinks);
  return walk(from, copier);
}

Result<TreeSize> measure_tree(const Fd& directory) {
  Measure measure;
  TRY(walk(directory, measure));
  return measure.size;
}

}  // namespace ecrin::fs
