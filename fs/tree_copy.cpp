#include "fs/tree_copy.hpp"

#include <fcntl.h>

#include <algorithm>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/directory_stack.hpp"
#include "fs/file_owners.hpp"
#include "fs/tree.hpp"
#include "fs/walk.hpp"

namespace ecrin::fs {

namespace {

constexpr const char* k_clock = "clock";

Result<std::optional<struct stat>> find_name(const Fd& directory, const std::string& name) {
  const auto status = posix::lstat_at(directory, name);
  if (status) return std::optional(*status);
  if (status.error().kind() == ErrorKind::not_found) return std::optional<struct stat>{};
  return std::unexpected(status.error());
}

class Renewer {
public:
  Renewer(LowerTree& from, DirectoryStack stack, const CopyRecord& before)
      : m_from(from), m_stack(std::move(stack)), m_before(before) {}

  Result<std::map<Inode, Inode>> run() {
    TRY(begin(""));
    while (!m_frames.empty()) {
      Frame& frame = m_frames.back();
      if (frame.next == frame.names.size()) {
        TRY(leave());
      } else {
        const std::string name = frame.names[frame.next++];
        TRY_WHILE(visit(name), "copying '{}'", printable(name));
      }
    }
    return std::move(m_originals);
  }

private:
  struct Frame {
    Names names;
    std::size_t next = 0;
    std::string name;
  };

  Result<> begin(std::string name) {
    Frame frame{.names = TRY(m_from.names()), .name = std::move(name)};
    for (const std::string& there : TRY(names_of(m_stack.top())))
      if (!std::ranges::binary_search(frame.names, there)) TRY(remove_tree(m_stack.top(), there));
    m_frames.push_back(std::move(frame));
    return {};
  }

  Result<> visit(const std::string& name) {
    const auto found = TRY(m_from.lookup(name));
    if (!found) return fail(ErrorKind::conflict, "it vanished while its tree was copied");
    auto there = TRY(find_name(m_stack.top(), name));
    const bool is_directory = S_ISDIR(found->status.st_mode);
    const bool stays =
        there && (is_directory ? S_ISDIR(there->st_mode) != 0 : m_before.is_as_copied(*there, found->status));
    if (there && !stays) TRY(remove_tree(m_stack.top(), name));
    if (is_directory) {
      if (!stays) TRY(posix::mkdir_at(m_stack.top(), name, 0700));
      if (stays && (there->st_mode & 0700) != 0700) TRY(posix::chmod_at(m_stack.top(), name, 0700));
      TRY(m_stack.enter(name));
      TRY(m_from.enter(name));
      return begin(name);
    }
    if (!stays) TRY(copy_node(*found->directory, name, found->status, m_stack.top(), XattrScope::layer));
    return remember(name, found->status);
  }

  Result<> leave() {
    const std::string name = std::move(m_frames.back().name);
    m_frames.pop_back();
    if (m_frames.empty()) return {};
    TRY(m_stack.leave());
    TRY(m_from.leave());
    const auto found = TRY(m_from.lookup(name));
    if (!found) return fail(ErrorKind::conflict, "'{}' vanished while its tree was copied", printable(name));
    const struct stat there = TRY(posix::lstat_at(m_stack.top(), name));
    if (!m_before.is_as_copied(there, found->status)) {
      constexpr int k_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
      const Fd original = TRY(posix::open_at(*found->directory, name, k_flags));
      TRY(set_root_metadata(TRY(posix::open_at(m_stack.top(), name, k_flags)), TRY(root_metadata(original))));
      TRY(posix::set_times_at(m_stack.top(), name, found->status.st_mtim));
    }
    return remember(name, found->status);
  }

  Result<> remember(const std::string& name, const struct stat& original) {
    const struct stat copy = TRY(posix::lstat_at(m_stack.top(), name));
    m_originals.insert_or_assign(inode_of(copy), inode_of(original));
    return {};
  }

  LowerTree& m_from;
  DirectoryStack m_stack;
  const CopyRecord& m_before;
  std::vector<Frame> m_frames;
  std::map<Inode, Inode> m_originals;
};

// The clock of this file system, read where it counts: what is touched from now on has at least this ctime.
Result<struct timespec> time_of(const Fd& directory) {
  TRY(posix::mkdir_at(directory, k_clock, 0700));
  const struct stat status = TRY(posix::lstat_at(directory, k_clock));
  TRY(posix::unlink_at(directory, k_clock, AT_REMOVEDIR));
  return status.st_ctim;
}

}  // namespace

bool CopyRecord::is_as_copied(const struct stat& copy, const struct stat& original) const {
  const struct timespec& changed = copy.st_ctim;
  if (changed.tv_sec > m_finished.tv_sec ||
      (changed.tv_sec == m_finished.tv_sec && changed.tv_nsec >= m_finished.tv_nsec))
    return false;
  const auto known = m_originals.find(inode_of(copy));
  return known != m_originals.end() && known->second == inode_of(original);
}

Result<> renew_copy(LowerTree& from, const Fd& to, const Fd& clock, CopyRecord& record) {
  record.m_originals = TRY(Renewer(from, TRY(DirectoryStack::open(to)), record).run());
  TRY(set_root_metadata(to, from.root()));
  record.m_finished = TRY(time_of(clock));
  return {};
}

}  // namespace ecrin::fs
