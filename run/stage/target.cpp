#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr unsigned k_symlink_limit = 40;  // as the kernel's

void push_components(std::deque<std::string>& todo, std::string_view path) {
  std::vector<std::string> parts = split(path, '/');
  for (auto part = parts.rbegin(); part != parts.rend(); ++part)
    if (!part->empty() && *part != ".") todo.push_front(std::move(*part));
}

// Walks to a path of which some part is missing and makes that. Every step is opened from the root by its
// resolved name and without following symlinks, so nothing can be made outside.
class Maker {
public:
  Maker(const Stage& stage, const std::string& path, TargetKind kind)
      : m_stage(stage), m_path(path), m_kind(kind) {
    push_components(m_todo, path);
  }

  Result<Fd> make() {
    while (!m_todo.empty()) {
      const std::string name = std::move(m_todo.front());
      m_todo.pop_front();
      if (name == "..") {
        if (!m_resolved.empty()) m_resolved.pop_back();
        continue;
      }
      TRY(step(name));
    }
    return open_resolved(O_PATH);
  }

private:
  Result<Fd> open_resolved(int flags) const {
    if (m_resolved.empty()) return posix::open_in_root(m_stage.root, "", flags);
    return posix::open_beneath_no_symlinks(m_stage.root, join(m_resolved, "/"), flags);
  }

  Result<> step(const std::string& name) {
    const Fd parent = TRY(open_resolved(O_PATH | O_DIRECTORY));
    if (TRY(posix::exists_at(parent, name)) == posix::Exists::no) {
      TRY(create(parent, name));
      m_resolved.push_back(name);
      return {};
    }
    const struct stat status = TRY(posix::lstat_at(parent, name));
    if (!S_ISLNK(status.st_mode)) {
      m_resolved.push_back(name);
      return {};
    }
    if (++m_symlinks > k_symlink_limit)
      return std::unexpected(Error::from_errno(ELOOP, fmt::format("cannot resolve '{}'", printable(m_path))));
    const std::string link = TRY(posix::readlink_at(parent, name));
    if (link.starts_with('/')) m_resolved.clear();
    push_components(m_todo, link);
    return {};
  }

  Result<> create(const Fd& parent, const std::string& name) {
    if (m_todo.empty() && m_kind == TargetKind::file) {
      TRY(posix::open_at(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0644));
    } else {
      TRY(posix::mkdir_at(parent, name, 0755));
    }
    // In a mount of ours (the tmpfs on /dev) or in a volume it is not the image that was changed.
    if (TRY(mount_id(parent)) != m_stage.root_mount) return {};
    std::vector<std::string> path = m_resolved;
    path.push_back(name);
    return report(m_stage, StageMessage::created, join(path, "/"));
  }

  const Stage& m_stage;
  const std::string& m_path;
  TargetKind m_kind;
  std::deque<std::string> m_todo;
  std::vector<std::string> m_resolved;
  unsigned m_symlinks = 0;
};

// What is made in /dev shall be in /dev: the root directory's owner could otherwise choose where it appears.
Result<> check_device_directory(const Stage& stage, const std::string& path) {
  if (path != "dev" && !path.starts_with("dev/")) return {};
  const auto found = posix::open_beneath_no_symlinks(stage.root, "dev", O_PATH);
  if (found || found.error().code() != ELOOP) return {};
  return fail(ErrorKind::invalid, "'/dev' in the container is a symlink: no devices are made there");
}

}  // namespace

Result<std::uint64_t> mount_id(const Fd& fd) {
  struct statx status {};
  if (::statx(fd.get(), "", AT_EMPTY_PATH, STATX_MNT_ID, &status) != 0)
    return fail_errno("cannot tell the mount of a directory");
  if (status.stx_mask & STATX_MNT_ID) return status.stx_mnt_id;
  // Before Linux 5.8: the device tells most mounts apart.
  return std::uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor;
}

std::pair<std::string, std::string> split_last(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/') + 1;
  const std::size_t slash = end == 0 ? std::string::npos : path.rfind('/', end - 1);
  if (slash == std::string::npos) return {"", path.substr(0, end)};
  return {path.substr(0, slash), path.substr(slash + 1, end - slash - 1)};
}

Result<TargetKind> kind_of(const Fd& fd) {
  return S_ISDIR(TRY(posix::stat_fd(fd)).st_mode) ? TargetKind::directory : TargetKind::file;
}

Result<Fd> open_existing(const Stage& stage, const std::string& path, int flags) {
  if ((flags & O_PATH) == 0) flags |= O_NONBLOCK | O_NOCTTY;
  for (const auto& [name, root] : stage.kernel_files)
    if (path.starts_with(name) && path.size() > name.size() && path[name.size()] == '/')
      return posix::open_in_root(root, std::string_view(path).substr(name.size() + 1), flags);
  return posix::open_in_root(stage.root, path, flags);
}

Result<Fd> open_target(const Stage& stage, const std::string& path, TargetKind kind) {
  TRY(check_device_directory(stage, path));
  auto found = posix::open_in_root(stage.root, path, O_PATH);
  if (!found && found.error().code() == ENOENT) found = Maker(stage, path, kind).make();
  if (!found) return found;
  const bool is_directory = S_ISDIR(TRY(posix::stat_fd(*found)).st_mode);
  if (is_directory == (kind == TargetKind::directory)) return found;
  return fail(ErrorKind::invalid, "'/{}' in the container is {}", printable(path),
              is_directory ? "a directory, not a file" : "not a directory");
}

}  // namespace ecrin::run::stage
