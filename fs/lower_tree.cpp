#include "fs/lower_tree.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/layer_roots.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

// Descriptors for all layers together; 127 layers keep two each.
constexpr std::size_t k_open_directories = 256;

// As status_at. That there is nothing is no error, which would be put into words for each of hundreds of
// layers.
Result<std::optional<struct stat>> find_at(const Fd& directory, const std::string& name) {
  struct stat status = {};
  const bool is_there = ::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_there && errno == ENOENT) return std::nullopt;
  if (is_there && !owners_are_recorded() && !whiteouts_are_stand_ins()) return status;
  return TRY(status_at(directory, name));
}

}  // namespace

Result<LowerTree> LowerTree::of_tree(const Fd& tree) {
  LowerTree result;
  result.m_layers.push_back(TRY(DirectoryStack::open(tree)));
  result.m_levels.push_back({.layers = {0}});
  result.m_root = TRY(root_metadata(tree));
  return result;
}

Result<LowerTree> LowerTree::of_layers(const std::vector<std::string>& all_layers, Whiteouts whiteouts) {
  LowerTree result;
  result.m_whiteouts = whiteouts;
  if (all_layers.empty()) return result;
  const std::size_t keep_open = std::min<std::size_t>(k_open_directories / all_layers.size(), 32);
  LayerRoots roots = TRY(open_layer_roots(all_layers));
  result.m_root = std::move(roots.metadata);
  result.m_levels.emplace_back();
  for (LayerRoot& root : roots.visible) {
    result.m_levels[0].layers.push_back(result.m_layers.size());
    result.m_layers.push_back(DirectoryStack::at(std::move(root.directory), keep_open));
    result.m_names_of_root.push_back(std::move(root.names));
  }
  return result;
}

bool LowerTree::may_have(std::size_t layer, const std::string& name) const {
  if (m_levels.size() != 1 || layer >= m_names_of_root.size() || !m_names_of_root[layer]) return true;
  return std::ranges::binary_search(*m_names_of_root[layer], name);
}

Result<std::optional<LowerTree::Found>> LowerTree::lookup(const std::string& name) const {
  if (m_levels.empty()) return std::optional<Found>{};
  for (const std::size_t layer : m_levels.back().layers) {
    if (!may_have(layer, name)) continue;
    const Fd& directory = m_layers[layer].top();
    const auto status = TRY(find_at(directory, name));
    if (!status) continue;
    if (is_whiteout(*status) && m_whiteouts == Whiteouts::applied) break;
    return std::optional(Found{.directory = &directory, .status = *status});
  }
  return std::optional<Found>{};
}

Result<Names> LowerTree::names() const {
  std::map<std::string, bool> seen;  // does it exist in the merged directory?
  if (m_levels.empty()) return Names{};
  for (const std::size_t layer : m_levels.back().layers) {
    const Fd& directory = m_layers[layer].top();
    for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(directory))) {
      if (seen.contains(entry.name)) continue;
      bool exists = true;
      const bool may_hide = entry.type == DT_CHR || (entry.type == DT_REG && whiteouts_are_stand_ins());
      if (may_hide && m_whiteouts == Whiteouts::applied)
        exists = !is_whiteout(TRY(status_at(directory, entry.name)));
      seen.emplace(entry.name, exists);
    }
  }
  Names names;
  for (const auto& [name, exists] : seen) {
    if (exists) names.push_back(name);
  }
  return names;
}

Result<> LowerTree::enter(const std::string& name) {
  if (m_levels.empty()) return {};
  Level next;
  for (const std::size_t layer : m_levels.back().layers) {
    if (!may_have(layer, name)) continue;
    const Fd& directory = m_layers[layer].top();
    const auto status = TRY(find_at(directory, name));
    if (!status) continue;
    // Below a whiteout, an opaque directory or anything else nothing can be seen.
    next.hides_below = !S_ISDIR(status->st_mode);
    if (next.hides_below) break;
    next.layers.push_back(layer);
    next.hides_below =
        (m_layers.size() > 1 || m_whiteouts == Whiteouts::shown) && TRY(is_opaque(directory, name));
    if (next.hides_below) break;
  }
  next.hides_below = next.hides_below || m_levels.back().hides_below;
  next.name = name;
  for (const std::size_t layer : next.layers) TRY(m_layers[layer].enter(name));
  m_levels.push_back(std::move(next));
  return {};
}

Result<> LowerTree::leave() {
  if (m_levels.empty()) return {};
  for (const std::size_t layer : m_levels.back().layers) TRY(m_layers[layer].leave());
  m_levels.pop_back();
  return {};
}

Result<std::vector<Inode>> LowerTree::parts() const {
  std::vector<Inode> parts;
  if (m_levels.empty()) return parts;
  for (const std::size_t layer : m_levels.back().layers)
    parts.push_back(inode_of(TRY(posix::stat_fd(m_layers[layer].top()))));
  return parts;
}

std::string LowerTree::path() const {
  std::string path;
  for (const Level& level : m_levels) {
    if (!path.empty()) path += '/';
    path += level.name;
  }
  return path;
}

Result<> LowerTree::go_to(std::string_view path) {
  if (m_levels.empty()) return {};
  std::vector<std::string> names;
  if (!path.empty()) names = split(path, '/');
  std::size_t shared = 0;
  while (shared < names.size() && shared + 1 < m_levels.size() && m_levels[shared + 1].name == names[shared])
    ++shared;
  while (m_levels.size() > shared + 1) TRY(leave());
  for (; shared < names.size(); ++shared) TRY(enter(names[shared]));
  return {};
}

namespace {

class Materialiser {
public:
  Materialiser(LowerTree& from, const Fd& to, DirectoryStack stack, Hardlinks hardlinks, FileData data)
      : m_from(from), m_to(to), m_stack(std::move(stack)), m_hardlinks(hardlinks), m_data(data) {}

  Result<> run(const CancelToken* cancel) {
    m_frames.push_back({.names = TRY(m_from.names())});
    while (!m_frames.empty()) {
      if (cancel) TRY(cancel->check());
      Frame& frame = m_frames.back();
      if (frame.next == frame.names.size()) {
        TRY(leave());
      } else {
        TRY(visit(frame.names[frame.next++]));
      }
    }
    return set_root_metadata(m_to, m_from.root());
  }

private:
  struct Frame {
    Names names;
    std::size_t next = 0;
    std::string name;
    bool opaque = false;
  };

  Result<> visit(std::string name) {
    const auto found = TRY(m_from.lookup(name));
    if (!found) return fail(ErrorKind::conflict, "'{}' vanished while its tree was copied", printable(name));
    if (S_ISDIR(found->status.st_mode)) {
      TRY(posix::mkdir_at(m_stack.top(), name, 0700));
      TRY(m_stack.enter(name));
      TRY(m_from.enter(name));
      m_prefix += name + "/";
      m_frames.push_back({.names = TRY(m_from.names()), .name = name, .opaque = m_from.hides_below()});
      return {};
    }
    if (m_data == FileData::linked && posix::link_at(*found->directory, name, m_stack.top(), name)) return {};
    if (m_hardlinks == Hardlinks::keep && found->status.st_nlink > 1) {
      const auto [first, is_new] = m_links.try_emplace(inode_of(found->status), m_prefix, name);
      if (!is_new) {
        const Fd directory = TRY(open_directory_beneath(m_to, first->second.first));
        return posix::link_at(directory, first->second.second, m_stack.top(), name);
      }
    }
    return copy_node(*found->directory, name, found->status, m_stack.top(), XattrScope::layer);
  }

  Result<> leave() {
    const std::string name = std::move(m_frames.back().name);
    const bool opaque = m_frames.back().opaque;
    m_frames.pop_back();
    if (m_frames.empty()) return {};
    TRY(m_stack.leave());
    TRY(m_from.leave());
    if (opaque && m_from.shows_whiteouts()) TRY(set_opaque(m_stack.top(), name));
    m_prefix.resize(m_prefix.size() - name.size() - 1);
    const auto found = TRY(m_from.lookup(name));
    if (!found) return fail(ErrorKind::conflict, "'{}' vanished while its tree was copied", printable(name));
    return copy_metadata(*found->directory, name, found->status, m_stack.top(), name, XattrScope::layer);
  }

  LowerTree& m_from;
  const Fd& m_to;
  DirectoryStack m_stack;
  Hardlinks m_hardlinks;
  FileData m_data;
  std::vector<Frame> m_frames;
  std::string m_prefix;
  std::map<Inode, std::pair<std::string, std::string>> m_links;  // its first place: prefix and name
};

}  // namespace

Result<> materialise(LowerTree& from, const Fd& to, Hardlinks hardlinks, const CancelToken* cancel,
                     FileData data) {
  return Materialiser(from, to, TRY(DirectoryStack::open(to)), hardlinks, data).run(cancel);
}

}  // namespace ecrin::fs
