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

Result<RootPath> resolve_in_root(const Fd& root, std::string_view path) {
  std::deque<std::string> todo;
  for (std::string& name : split(path, '/')) todo.push_back(std::move(name));
  RootPath resolved;
  resolved.status = TRY(fs::status_of(root));
  Fd directory = TRY(posix::open_at(root, ".", O_PATH | O_DIRECTORY));
  int symlinks = 0;
  while (!todo.empty()) {
    const std::string name = std::move(todo.front());
    todo.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      resolved.path = parent_path(resolved.path);
      resolved.status = TRY(lstat_real(root, resolved.path));
      if (resolved.status) {
        directory = TRY(posix::open_beneath_no_symlinks(root, resolved.path.empty() ? "." : resolved.path,
                                                        O_PATH | O_DIRECTORY));
      }
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
    auto status = fs::status_at(directory, name);
    if (!status) {
      if (status.error().code() != ENOENT) return std::unexpected(std::move(status).error());
      resolved.path = join_path(resolved.path, name);
      resolved.status.reset();
      continue;
    }
    if (S_ISLNK(status->st_mode)) {
      if (++symlinks > k_symlink_limit) {
        return std::unexpected(Error::from_errno(ELOOP, fmt::format("cannot resolve '{}'", printable(path))));
      }
      const std::string target = TRY(posix::readlink_at(directory, name));
      if (target.starts_with('/')) {
        resolved.path.clear();
        resolved.status = TRY(fs::status_of(root));
        directory = TRY(posix::open_at(root, ".", O_PATH | O_DIRECTORY));
      }
      auto names = split(target, '/');
      for (auto last = names.rbegin(); last != names.rend(); ++last) todo.push_front(std::move(*last));
      continue;
    }
    resolved.path = join_path(resolved.path, name);
    resolved.status = *status;
    if (S_ISDIR(status->st_mode)) {
      directory = TRY(posix::open_at(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    }
  }
  return resolved;
}

}  // namespace ecrin::build
