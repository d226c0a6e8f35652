#include "fs/tree_compare.hpp"

#include <algorithm>

#include "fs/file_io.hpp"

namespace ecrin::fs {

namespace {

using Kind = Difference::Kind;

Result<bool> same_data(const LowerTree::Found& before, const LowerTree::Found& after,
                       const std::string& name) {
  switch (before.status.st_mode & S_IFMT) {
    case S_IFREG:
      if (before.status.st_size != after.status.st_size) return false;
      return same_content(*before.directory, *after.directory, name,
                          static_cast<std::uint64_t>(before.status.st_size));
    case S_IFLNK:
      return TRY(posix::readlink_at(*before.directory, name)) ==
             TRY(posix::readlink_at(*after.directory, name));
    case S_IFCHR:
    case S_IFBLK:
      return before.status.st_rdev == after.status.st_rdev;
    default:
      return true;
  }
}

Result<Aspects> compare(const LowerTree::Found& before, const LowerTree::Found& after,
                        const std::string& name) {
  Aspects aspects;
  if (inode_of(before.status) == inode_of(after.status)) return aspects;
  aspects.mode = (before.status.st_mode & 07777) != (after.status.st_mode & 07777);
  aspects.owner = before.status.st_uid != after.status.st_uid || before.status.st_gid != after.status.st_gid;
  aspects.type = (before.status.st_mode & S_IFMT) != (after.status.st_mode & S_IFMT);
  if (aspects.type) return aspects;
  aspects.size = S_ISREG(before.status.st_mode) && before.status.st_size != after.status.st_size;
  aspects.content = !TRY(same_data(before, after, name));
  aspects.xattrs = TRY(layer_xattrs_at(*before.directory, name, before.status)) !=
                   TRY(layer_xattrs_at(*after.directory, name, after.status));
  aspects.time =
      !S_ISDIR(before.status.st_mode) && before.status.st_mtim.tv_sec != after.status.st_mtim.tv_sec;
  return aspects;
}

class Comparison {
public:
  Comparison(LowerTree& before, LowerTree& after) : m_before(before), m_after(after) {}

  Result<> run(const CancelToken* cancel) {
    compare_roots();
    if (TRY(m_before.parts()) == TRY(m_after.parts())) return {};
    TRY(begin(""));
    while (!m_frames.empty()) {
      if (cancel) TRY(cancel->check());
      Frame& frame = m_frames.back();
      if (frame.next == frame.names.size()) {
        TRY(leave());
      } else {
        TRY_WHILE(visit(frame.names[frame.next++]), "comparing '{}'", printable("/" + m_prefix));
      }
    }
    return {};
  }

  std::vector<Difference> take() {
    std::ranges::sort(m_differences, {}, &Difference::path);
    return std::move(m_differences);
  }

private:
  struct Frame {
    Names names;  // of both
    std::size_t next = 0;
    std::string name;
  };

  void compare_roots() {
    const RootMetadata& before = m_before.root();
    const RootMetadata& after = m_after.root();
    const Aspects aspects{.mode = before.mode != after.mode,
                          .owner = before.uid != after.uid || before.gid != after.gid,
                          .xattrs = before.xattrs != after.xattrs};
    if (aspects.any()) m_differences.push_back({Kind::modified, "/", true, aspects});
  }

  Result<> begin(std::string name) {
    const Names before = TRY(m_before.names());
    const Names after = TRY(m_after.names());
    Frame frame{.names = {}, .name = std::move(name)};
    std::ranges::set_union(before, after, std::back_inserter(frame.names));
    m_frames.push_back(std::move(frame));
    return {};
  }

  Result<> visit(const std::string& name) {
    const auto before = TRY(m_before.lookup(name));
    const auto after = TRY(m_after.lookup(name));
    const std::string path = "/" + m_prefix + name;
    if (!after) {
      if (before) m_differences.push_back({Kind::deleted, path, S_ISDIR(before->status.st_mode), {}});
      return {};
    }
    const bool is_directory = S_ISDIR(after->status.st_mode);
    if (!before) {
      m_differences.push_back({Kind::added, path, is_directory, {}});
    } else if (const Aspects aspects = TRY(compare(*before, *after, name)); aspects.any()) {
      m_differences.push_back({Kind::modified, path, is_directory, aspects});
    }
    return is_directory ? enter(name) : Result<>{};
  }

  Result<> enter(const std::string& name) {
    TRY(m_before.enter(name));
    TRY(m_after.enter(name));
    if (TRY(m_before.parts()) == TRY(m_after.parts())) {
      TRY(m_before.leave());
      return m_after.leave();
    }
    m_prefix += name + "/";
    return begin(name);
  }

  Result<> leave() {
    const std::string name = std::move(m_frames.back().name);
    m_frames.pop_back();
    if (m_frames.empty()) return {};
    m_prefix.resize(m_prefix.size() - name.size() - 1);
    TRY(m_before.leave());
    return m_after.leave();
  }

  LowerTree& m_before;
  LowerTree& m_after;
  std::vector<Frame> m_frames;
  std::string m_prefix;
  std::vector<Difference> m_differences;
};

}  // namespace

std::vector<std::string_view> Aspects::names() const {
  std::vector<std::string_view> names;
  const std::pair<bool, std::string_view> all[] = {{type, "type"}, {mode, "mode"},       {owner, "owner"},
                                                   {size, "size"}, {content, "content"}, {xattrs, "xattrs"},
                                                   {time, "time"}};
  for (const auto& [differs, name] : all)
    if (differs) names.push_back(name);
  return names;
}

Result<std::vector<Difference>> compare_trees(LowerTree& before, LowerTree& after,
                                              const CancelToken* cancel) {
  Comparison comparison(before, after);
  TRY(comparison.run(cancel));
  return comparison.take();
}

}  // namespace ecrin::fs
