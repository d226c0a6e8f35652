#include "build/root_path.hpp"

#include <deque>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"
#include "fs/file_owners.hpp"

namespace ecrin::build {

namespace {
constexpr int k_symlink_limit = 40;  // as the kernel's

// Missing is also what lies below a file: a caller that needs the difference looks at the file itself.
bool means_missing(const Error& error) {
  return error.code() == ENOENT || error.code() == ENOTDIR;
}
}  // namespace

Result<Fd> open_real_directory(const Fd& root, const std::string& path) {
  return posix::open_beneath_no_symlinks(root, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
}

Result<std::optional<struct stat>> lstat_real(const Fd& root, const std::string& path) {
  auto file = posix::open_beneath_no_symlinks(root, path.empty() ? "." : path, O_PATH | O_NOFOLLOW);
  if (!file) {
    if (means_missing(file.error())) return std::nullopt;
    return std::unexpected(std::move(file).error());
  }
  return TRY(fs::status_of(*file));
}

namespace {

/// Where the resolution of a path stands: a directory of a tree that is mounted, or a plain one.
class DirectoryPlace {
public:
  explicit DirectoryPlace(const Fd& root) : m_root(root) {}

  /// To a real path, if there is a directory; its status, if there is anything.
  Result<std::optional<struct stat>> go_to(const std::string& path) {
    auto status = TRY(lstat_real(m_root, path));
    if (status && S_ISDIR(status->st_mode)) {
      m_directory =
          TRY(posix::open_beneath_no_symlinks(m_root, path.empty() ? "." : path, O_PATH | O_DIRECTORY));
    }
    return status;
  }
  Result<std::optional<struct stat>> lookup(const std::string& name) const {
    auto status = fs::status_at(m_directory, name);
    if (status) return *status;
    if (status.error().code() == ENOENT) return std::nullopt;
    return std::unexpected(std::move(status).error());
  }
  Result<std::string> link_target(const std::string& name) const {
    return posix::readlink_at(m_directory, name);
  }
  Result<> enter(const std::string& name) {
    m_directory = TRY(posix::open_at(m_directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    return {};
  }

private:
  const Fd& m_root;
  Fd m_directory;
};

/// As DirectoryPlace, in layers that nobody mounted.
class LowerPlace {
public:
  explicit LowerPlace(fs::LowerTree& tree) : m_tree(tree) {}

  Result<std::optional<struct stat>> go_to(const std::string& path) {
    if (path.empty()) {
      TRY(m_tree.go_to(path));
      struct stat root = {};
      root.st_mode = S_IFDIR | m_tree.root().mode;
      root.st_uid = m_tree.root().uid;
      root.st_gid = m_tree.root().gid;
      return root;
    }
    TRY(m_tree.go_to(parent_path(path)));
    const std::string name = base_name(path);
    auto status = TRY(lookup(name));
    if (status && S_ISDIR(status->st_mode)) TRY(m_tree.enter(name));
    return status;
  }
  Result<std::optional<struct stat>> lookup(const std::string& name) const {
    const auto found = TRY(m_tree.lookup(name));
    if (!found) return std::nullopt;
    return found->status;
  }
  Result<std::string> link_target(const std::string& name) const {
    const auto found = TRY(m_tree.lookup(name));
    if (!found) return fail(ErrorKind::conflict, "'{}' vanished from a layer", printable(name));
    return posix::readlink_at(*found->directory, name);
  }
  Result<> enter(const std::string& name) { return m_tree.enter(name); }

private:
  fs::LowerTree& m_tree;
};

template <class Place>
Result<RootPath> resolve(Place place, std::string_view path) {
  std::deque<std::string> todo;
  for (std::string& name : split(path, '/')) todo.push_back(std::move(name));
  RootPath resolved;
  resolved.status = TRY(place.go_to(""));
  int symlinks = 0;
  while (!todo.empty()) {
    const std::string name = std::move(todo.front());
    todo.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      resolved.path = parent_path(resolved.path);
      resolved.status = TRY(place.go_to(resolved.path));
      continue;
    }
    if (!resolved.status) {
      resolved.path = join_path(resolved.path, name);
      continue;
    }
    if (!S_ISDIR(resolved.status->st_mode)) {
      return std::unexpected(Error::from_errno(
          ENOTDIR, fmt::format("cannot use '/{}' as a directory", printable(resolved.path))));
    }
    const std::optional<struct stat> status = TRY(place.lookup(name));
    if (status && S_ISLNK(status->st_mode)) {
      if (++symlinks > k_symlink_limit) {
        return std::unexpected(Error::from_errno(ELOOP, fmt::format("cannot resolve '{}'", printable(path))));
      }
      const std::string target = TRY(place.link_target(name));
      if (target.starts_with('/')) {
        resolved.path.clear();
        resolved.status = TRY(place.go_to(""));
      }
      auto names = split(target, '/');
      for (auto last = names.rbegin(); last != names.rend(); ++last) todo.push_front(std::move(*last));
      continue;
    }
    resolved.path = join_path(resolved.path, name);
    resolved.status = status;
    if (status && S_ISDIR(status->st_mode)) TRY(place.enter(name));
  }
  return resolved;
}

}  // namespace

Result<RootPath> resolve_in_root(const Fd& root, std::string_view path) {
  return resolve(DirectoryPlace(root), path);
}

Result<RootPath> resolve_in_root(fs::LowerTree& tree, std::string_view path) {
  return resolve(LowerPlace(tree), path);
}

}  // namespace ecrin::build
