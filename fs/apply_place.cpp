#include "fs/apply_place.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "fs/directory_stack.hpp"
#include "fs/metadata.hpp"
#include "fs/tree.hpp"
#include "fs/walk.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {
// Sorted archives stay in one directory for long; hardlinks and implicit parents go back and forth between a
// few.
constexpr std::size_t k_recent = 8;
constexpr int k_directory_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
}  // namespace

std::string_view LayerPath::name() const {
  const std::string_view view = text;
  return view.substr(view.rfind('/') + 1);
}

std::string_view LayerPath::parent() const {
  const std::size_t slash = text.rfind('/');
  return slash == std::string::npos ? std::string_view{} : std::string_view(text).substr(0, slash);
}

Result<LayerPath> LayerPath::with_name(std::string_view name) const {
  if (name.empty() || name == "." || name == "..") {
    return fail(ErrorKind::invalid, "a whiteout of '{}'", printable(name));
  }
  const std::string_view directory = parent();
  LayerPath result{.text = std::string(directory), .depth = depth};
  if (!directory.empty()) result.text += '/';
  result.text += name;
  return result;
}

Result<LayerPath> parse_layer_path(std::string_view text) {
  LayerPath path;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view component = text.substr(begin, end - begin);
    begin = end + 1;
    if (component.empty() || component == ".") continue;
    if (component == "..") return fail(ErrorKind::invalid, "the path '{}' has '..' in it", printable(text));
    if (text.starts_with('/')) return fail(ErrorKind::invalid, "the path '{}' is absolute", printable(text));
    if (path.depth++ > 0) path.text += '/';
    path.text += component;
  }
  return path;
}

Result<ParentPointer> ApplyPlaces::parent_of(const LayerPath& path) {
  return find_parent(path, Missing::make);
}

Result<ParentPointer> ApplyPlaces::existing_parent_of(const LayerPath& path) {
  return find_parent(path, Missing::report);
}

Result<ParentPointer> ApplyPlaces::find_parent(const LayerPath& path, Missing missing) {
  const std::string_view directory = path.parent();
  const auto known = std::find_if(m_recent.begin(), m_recent.end(),
                                  [&](const auto& recent) { return recent.first == directory; });
  if (known != m_recent.end()) {
    std::rotate(m_recent.begin(), known, known + 1);
    return m_recent.front().second;
  }
  if (missing == Missing::make && m_form == ApplyForm::plain_tree) {
    for (std::size_t end = directory.find('/'); !directory.empty(); end = directory.find('/', end + 1)) {
      m_mine.emplace(directory.substr(0, end));
      if (end == std::string_view::npos) break;
    }
  }
  auto opened = open_directory_beneath(m_root, directory);
  if (!opened) opened = walk_to(directory, missing);
  Fd fd = TRY(std::move(opened));
  const struct stat status = TRY(posix::stat_fd(fd));
  auto place = std::make_shared<const ParentPlace>(
      ParentPlace{.directory = std::move(fd), .hands_down_group = (status.st_mode & S_ISGID) != 0});
  if (m_recent.size() == k_recent) m_recent.pop_back();
  m_recent.emplace(m_recent.begin(), std::string(directory), place);
  return ParentPointer(std::move(place));
}

Result<Fd> ApplyPlaces::walk_to(std::string_view directory, Missing missing) {
  Fd current = TRY(posix::open_at(m_root, ".", k_directory_flags));
  for (std::size_t begin = 0; begin < directory.size();) {
    const std::size_t end = std::min(directory.find('/', begin), directory.size());
    const std::string name(directory.substr(begin, end - begin));
    auto next = posix::open_at(current, name, k_directory_flags);
    if (!next) {
      if (next.error().code() != ENOENT && next.error().code() != ENOTDIR && next.error().code() != ELOOP) {
        return next;
      }
      next = step_over(current, name, std::string(directory.substr(0, end)), missing);
    }
    current = TRY(std::move(next));
    begin = end + 1;
  }
  return current;
}

// `name` in `current`, whose path is `prefix`, is no directory: what else is it?
Result<Fd> ApplyPlaces::step_over(const Fd& current, const std::string& name, const std::string& prefix,
                                  Missing missing) {
  const auto status = status_at(current, name);
  if (!status) {
    if (status.error().code() != ENOENT || missing == Missing::report) {
      return std::unexpected(status.error());
    }
    return make_implicit(current, name, prefix);
  }
  if (S_ISLNK(status->st_mode)) {
    auto resolved = posix::open_in_root(m_root, prefix, O_PATH | O_DIRECTORY);
    if (resolved) return resolved;
    return fail(ErrorKind::invalid, "its parent '{}' is a symbolic link that leads nowhere in this layer",
                printable(prefix));
  }
  if (is_whiteout(*status) && m_form == ApplyForm::overlay_layer && missing == Missing::make) {
    TRY(posix::unlink_at(current, name));
    Fd made = TRY(make_implicit(current, name, prefix));
    TRY(set_opaque(current, name));
    return made;
  }
  return fail(ErrorKind::invalid, "its parent '{}' is not a directory", printable(prefix));
}

Result<Fd> ApplyPlaces::make_implicit(const Fd& current, const std::string& name, const std::string& prefix) {
  TRY(posix::mkdir_at(current, name, 0755));
  if (::geteuid() == 0) TRY(set_owner_at(current, name, 0, 0));
  TRY(posix::chmod_at(current, name, 0755));
  finish_later({.text = prefix, .depth = 0}, 0755, 0);
  return posix::open_at(current, name, k_directory_flags);
}

Result<ApplyPlaces::Made> ApplyPlaces::make_directory(const ParentPlace& parent, const LayerPath& path) {
  const std::string name(path.name());
  note(path);
  auto made = posix::mkdir_at(parent.directory, name, 0700);
  if (made) return Made::now;
  if (made.error().code() != EEXIST) return std::unexpected(std::move(made).error());
  m_recent.clear();  // its metadata change, or a symlink on the way to somewhere goes
  const struct stat status = TRY(posix::lstat_at(parent.directory, name));
  if (S_ISDIR(status.st_mode)) return Made::before;
  TRY(posix::unlink_at(parent.directory, name));
  TRY(posix::mkdir_at(parent.directory, name, 0700));
  // A whiteout or a file of this layer would have hidden what is below; the directory in its place does, too.
  if (m_form == ApplyForm::overlay_layer) TRY(set_opaque(parent.directory, name));
  return Made::now;
}

Result<> ApplyPlaces::remove_existing(const ParentPlace& parent, const LayerPath& path) {
  m_recent.clear();
  forget(path.text);
  return remove_tree(parent.directory, std::string(path.name()));
}

void ApplyPlaces::forget(const std::string& path) {
  m_directories.erase(path);
  const std::string below = path + "/";
  auto first = m_directories.lower_bound(below);
  auto last = first;
  while (last != m_directories.end() && last->first.starts_with(below)) ++last;
  m_directories.erase(first, last);
}

void ApplyPlaces::note(const LayerPath& path) {
  if (m_form == ApplyForm::plain_tree) m_mine.insert(path.text);
}

Result<> ApplyPlaces::hide(const LayerPath& target) {
  const std::string name(target.name());
  if (m_form == ApplyForm::plain_tree) {
    const auto parent = existing_parent_of(target);
    if (!parent) return {};  // nothing there to hide
    m_recent.clear();
    return remove_if_older((*parent)->directory, target);
  }
  const ParentPointer parent = TRY(parent_of(target));
  const auto status = posix::lstat_at(parent->directory, name);
  if (status) return S_ISDIR(status->st_mode) ? set_opaque(parent->directory, name) : Result<>{};
  if (status.error().code() != ENOENT) return std::unexpected(status.error());
  return make_whiteout(parent->directory, name);
}

Result<> ApplyPlaces::hide_all_beside(const LayerPath& marker) {
  if (m_form == ApplyForm::overlay_layer) {
    const ParentPointer parent = TRY(parent_of(marker));
    return set_opaque(parent->directory, ".");
  }
  const auto parent = existing_parent_of(marker);
  if (!parent) return {};
  m_recent.clear();
  std::string prefix(marker.parent());
  if (!prefix.empty()) prefix += '/';
  return remove_older((*parent)->directory, prefix);
}

Result<> ApplyPlaces::remove_if_older(const Fd& parent, const LayerPath& path) {
  const std::string name(path.name());
  const auto status = posix::lstat_at(parent, name);
  if (!status) return status.error().code() == ENOENT ? Result<>{} : std::unexpected(status.error());
  if (!m_mine.contains(path.text)) return remove_tree(parent, name);
  if (!S_ISDIR(status->st_mode)) return {};
  const Fd directory = TRY(posix::open_at(parent, name, k_directory_flags));
  return remove_older(directory, path.text + "/");
}

Result<> ApplyPlaces::remove_older(const Fd& directory, const std::string& prefix) {
  struct Sweeper : Visitor {
    const std::set<std::string, std::less<>>& mine;
    const std::string& prefix;
    Sweeper(const std::set<std::string, std::less<>>& paths, const std::string& start)
        : mine(paths), prefix(start) {}
    Result<Descend> visit(const Place& place) {
      if (!mine.contains(prefix + place.path())) {
        TRY(remove_tree(place.directory, place.name));
        return Descend::no;
      }
      return S_ISDIR(place.status.st_mode) ? Descend::yes : Descend::no;
    }
  };
  Sweeper sweeper(m_mine, prefix);
  return walk(directory, sweeper);
}

void ApplyPlaces::finish_later(const LayerPath& path, mode_t mode, std::int64_t mtime) {
  m_directories.insert_or_assign(path.text, DirectoryEnd{.mode = mode, .mtime = mtime});
}

Result<> ApplyPlaces::finish_directories() {
  // Children sort after their parents: going backwards, a directory is closed after all that is in it.
  for (auto end = m_directories.rbegin(); end != m_directories.rend(); ++end) {
    const LayerPath path{.text = end->first, .depth = 0};
    const std::string name(path.name());
    const auto parent = existing_parent_of(path);
    if (!parent) continue;  // gone through another path that led there
    const auto status = posix::lstat_at((*parent)->directory, name);
    if (!status || !S_ISDIR(status->st_mode)) continue;
    if ((end->second.mode & 0700) != 0700) {
      TRY(posix::chmod_at((*parent)->directory, name, end->second.mode));
    }
    TRY(posix::set_times_at((*parent)->directory, name, {.tv_sec = end->second.mtime, .tv_nsec = 0}));
  }
  m_directories.clear();
  return {};
}

}  // namespace ecrin::fs
