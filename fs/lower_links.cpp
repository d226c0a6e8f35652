#include "fs/lower_links.hpp"

#include <map>
#include <optional>

#include "base/log.hpp"
#include "fs/lower_tree.hpp"
#include "fs/metadata.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

constexpr const char* k_origin = "user.fuseoverlayfs.origin";  // the path in the lower tree

std::pair<std::string, std::string> split_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

// The lower file of this path, if it has more names than this one and `copy` is not just as it is.
Result<std::optional<Inode>> changed_group(LowerTree& lower, const std::string& path, const Node& copy) {
  const auto [directory, name] = split_name(path);
  std::size_t depth = 0;
  for (const std::string& component : split(directory, '/')) {
    if (component.empty()) continue;
    TRY(lower.enter(component));
    ++depth;
  }
  const auto found = TRY(lower.lookup(name));
  std::optional<Inode> group;
  if (found && S_ISREG(found->status.st_mode) && found->status.st_nlink > 1 &&
      !TRY(same_state(copy, found->node(name), INT64_MAX))) {
    group = inode_of(found->status);
  }
  for (; depth > 0; --depth) TRY(lower.leave());
  return group;
}

using Groups = std::map<Inode, std::string>;  // lower inode: a path in the upper directory

struct CopiedUp : Visitor {
  LowerTree& lower;
  Groups groups;
  explicit CopiedUp(LowerTree& tree) : lower(tree) {}
  Result<Descend> visit(const Place& place) {
    if (S_ISDIR(place.status.st_mode)) return Descend::yes;
    if (!S_ISREG(place.status.st_mode)) return Descend::no;
    const auto origin = TRY(posix::get_xattr_at(place.directory, place.name, k_origin));
    if (!origin) return Descend::no;
    if (const auto group = TRY(changed_group(lower, *origin, place.node())))
      groups.try_emplace(*group, place.path());
    return Descend::no;
  }
};

// Walks the whole lower tree, which happens only when there is such a file.
class Completer {
public:
  Completer(LowerTree& lower, const Fd& upper, const Groups& groups)
      : m_lower(lower), m_upper(upper), m_groups(groups) {}

  Result<> run() {
    m_frames.push_back({.names = TRY(m_lower.names())});
    while (!m_frames.empty()) {
      Frame& frame = m_frames.back();
      if (frame.next < frame.names.size()) {
        TRY(visit(frame.names[frame.next++]));
        continue;
      }
      m_frames.pop_back();
      if (m_frames.empty()) break;
      TRY(m_lower.leave());
      m_path.pop_back();
    }
    return {};
  }

private:
  struct Frame {
    Names names;
    std::size_t next = 0;
  };

  Result<> visit(std::string name) {
    const auto found = TRY(m_lower.lookup(name));
    if (!found) return {};
    if (S_ISDIR(found->status.st_mode)) {
      TRY(m_lower.enter(name));
      m_path.push_back(std::move(name));
      m_frames.push_back({.names = TRY(m_lower.names())});
      return {};
    }
    if (found->status.st_nlink < 2) return {};
    const auto group = m_groups.find(inode_of(found->status));
    return group == m_groups.end() ? Result<>{} : complete(name, group->second);
  }

  // Goes down the upper directory; what it has on the way decides whether the lower name is still seen.
  Result<> complete(const std::string& name, const std::string& changed) {
    auto stack = TRY(DirectoryStack::open(m_upper));
    for (const std::string& component : m_path) {
      const auto status = posix::lstat_at(stack.top(), component);
      if (!status) break;
      if (!S_ISDIR(status->st_mode) || TRY(is_opaque(stack.top(), component))) return {};
      TRY(stack.enter(component));
    }
    const bool has_parent = stack.depth() == m_path.size();
    if (has_parent && TRY(posix::exists_at(stack.top(), name)) == posix::Exists::yes) return {};
    if (!has_parent) TRY(make_parents(stack));
    const auto [prefix, changed_name] = split_name(changed);
    const Fd from = TRY(open_directory_beneath(m_upper, prefix));
    log::debug("'{}' is changed together with '{}'", printable(name), printable(changed));
    return posix::link_at(from, changed_name, stack.top(), name);
  }

  Result<> make_parents(DirectoryStack& stack) {
    const std::vector<std::string> path = m_path;
    for (std::size_t left = path.size(); left > 0; --left) TRY(m_lower.leave());
    for (std::size_t level = 0; level < path.size(); ++level) {
      if (level >= stack.depth()) {
        const auto found = TRY(m_lower.lookup(path[level]));
        if (!found) return fail(ErrorKind::conflict, "'{}' vanished from a layer", printable(path[level]));
        TRY(posix::mkdir_at(stack.top(), path[level], 0700));
        TRY(copy_metadata(*found->directory, path[level], found->status, stack.top(), path[level],
                          XattrScope::layer));
        TRY(stack.enter(path[level]));
      }
      TRY(m_lower.enter(path[level]));
    }
    return {};
  }

  LowerTree& m_lower;
  const Fd& m_upper;
  const Groups& m_groups;
  std::vector<Frame> m_frames;
  Names m_path;  // of the directory where the walk stands
};

}  // namespace

Result<> complete_lower_links(const Fd& upper, const std::vector<std::string>& layers) {
  LowerTree lower = TRY(LowerTree::of_layers(layers));
  CopiedUp copied(lower);
  TRY(walk(upper, copied));
  if (copied.groups.empty()) return {};
  return Completer(lower, upper, copied.groups).run();
}

}  // namespace ecrin::fs
