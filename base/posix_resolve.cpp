// The way into trees that somebody else wrote: openat2, and a walk of the same meaning where it is missing.
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/posix_internal.hpp"
#include "base/text.hpp"

namespace ecrin::posix {
namespace {

constexpr int k_most_symlinks = 40;        // as the kernel's MAXSYMLINKS
constexpr std::size_t k_kept_levels = 64;  // descriptors that a walk may hold
constexpr int k_path_flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;

std::unexpected<Error> failed(int code, std::string_view path) {
  return std::unexpected(Error::from_errno(code, fmt::format("cannot open '{}'", printable(path))));
}

int allowed_flags(int flags) {
  // openat ignores what means nothing together with O_PATH, openat2 refuses it.
  if ((flags & O_PATH) != 0) flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
  return flags | O_CLOEXEC;
}

bool creates(int flags) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

// The links of /proc that lead to a file, not to a name, show an absolute path or "type:[...]"; the ordinary
// ones (self, mounts) are relative names.
bool is_magic_link(int fd, std::string_view target) {
  struct statfs status;
  if (::fstatfs(fd, &status) != 0 || status.f_type != PROC_SUPER_MAGIC) return false;
  return target.starts_with('/') || target.contains(':');
}

class Walk {
public:
  Walk(const Fd& root, int flags, mode_t mode, Symlinks symlinks)
      : m_root(root), m_flags(flags), m_mode(mode), m_symlinks(symlinks) {}

  // The opened file, or -1 and errno.
  int run(std::string_view path) {
    m_rest = path;
    for (;;) {
      // Only at the beginning of the path or of a symlink's target: inside, slashes were eaten with their
      // name.
      if (m_rest.starts_with('/')) m_levels.clear();
      const std::size_t start = m_rest.find_first_not_of('/');
      if (start == std::string::npos) return open_here();
      const std::size_t end = std::min(m_rest.find('/', start), m_rest.size());
      const std::string name = m_rest.substr(start, end - start);
      const std::size_t next = m_rest.find_first_not_of('/', end);
      const bool last = next == std::string::npos;
      const bool slash = last && end < m_rest.size();
      m_tail = m_rest.substr(end);
      m_rest = last ? "" : m_rest.substr(next);
      if (name == "." || name == "..") {
        // Above the root is the root.
        if (name == ".." && !m_levels.empty()) m_levels.pop_back();
        if (last) return open_here();
        continue;
      }
      const Step step = last ? finish(name, slash) : enter(name);
      if (step.done) return step.fd;
    }
  }

private:
  struct Level {
    std::string name;
    Fd fd;  // empty for the levels between the kept ones and the current one
  };
  struct Step {
    bool done;
    int fd;
  };
  static Step stop(int code) {
    errno = code;
    return {.done = true, .fd = -1};
  }
  static Step give(int fd) { return {.done = true, .fd = fd}; }
  static constexpr Step k_go_on = {.done = false, .fd = -1};

  // The current directory; reopened from the deepest level that is held, never through "..": a directory that
  // is moved away meanwhile must not lead outside.
  int current() {
    std::size_t held = m_levels.size();
    while (held > 0 && !m_levels[held - 1].fd) --held;
    for (; held < m_levels.size(); ++held) {
      const int parent = held == 0 ? m_root.get() : m_levels[held - 1].fd.get();
      Fd fd(::openat(parent, m_levels[held].name.c_str(), k_path_flags | O_DIRECTORY));
      if (!fd) return -1;
      m_levels[held].fd = std::move(fd);
      if (held > k_kept_levels) m_levels[held - 1].fd.reset();
    }
    return m_levels.empty() ? m_root.get() : m_levels.back().fd.get();
  }

  void push(std::string name, Fd fd) {
    if (m_levels.size() > k_kept_levels) m_levels.back().fd.reset();
    m_levels.push_back({.name = std::move(name), .fd = std::move(fd)});
  }

  int open_here() {
    const int here = current();
    if (here < 0) return -1;
    return retry([&] { return ::openat(here, ".", m_flags, m_mode); });
  }

  // Goes on with the target of the symlink `fd` in place of its name.
  Step follow(int fd) {
    if (m_symlinks == Symlinks::refuse || ++m_followed > k_most_symlinks) return stop(ELOOP);
    char target[PATH_MAX];
    const ssize_t length = ::readlinkat(fd, "", target, sizeof target);
    if (length < 0) return stop(errno);
    if (length == 0) return stop(ENOENT);
    const std::string_view text(target, static_cast<std::size_t>(length));
    if (is_magic_link(fd, text)) return stop(ELOOP);
    m_rest = std::string(text) + m_tail;
    return k_go_on;
  }

  Step enter(const std::string& name) {
    const int here = current();
    Fd fd(here < 0 ? -1 : ::openat(here, name.c_str(), k_path_flags));
    struct stat status;
    if (!fd || ::fstat(fd.get(), &status) != 0) return stop(errno);
    if (S_ISLNK(status.st_mode)) return follow(fd.get());
    if (!S_ISDIR(status.st_mode)) return stop(ENOTDIR);
    push(name, std::move(fd));
    return k_go_on;
  }

  Step finish(const std::string& name, bool slash) {
    const int here = current();
    if (here < 0) return stop(errno);
    // What is looked at may be exchanged before it is opened, so opening never follows; an exchange (ELOOP,
    // or EEXIST of our own O_EXCL) is looked at again.
    for (int attempt = 0; attempt < 64; ++attempt) {
      Fd fd(::openat(here, name.c_str(), k_path_flags));
      if (!fd) {
        if (errno != ENOENT || (m_flags & O_CREAT) == 0) return stop(errno);
        if (slash) return stop(EISDIR);
        const int created =
            retry([&] { return ::openat(here, name.c_str(), m_flags | O_EXCL | O_NOFOLLOW, m_mode); });
        if (created >= 0 || errno != EEXIST || (m_flags & O_EXCL) != 0) return give(created);
        continue;
      }
      struct stat status;
      if (::fstat(fd.get(), &status) != 0) return stop(errno);
      if ((m_flags & O_CREAT) != 0 && slash) return stop(EISDIR);
      if (S_ISLNK(status.st_mode)) {
        if ((m_flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return stop(EEXIST);
        if (slash || (m_flags & O_NOFOLLOW) == 0) return follow(fd.get());
        if ((m_flags & O_PATH) == 0) return stop((m_flags & O_DIRECTORY) != 0 ? ENOTDIR : ELOOP);
      }
      if (!S_ISDIR(status.st_mode) && (slash || (m_flags & O_DIRECTORY) != 0)) return stop(ENOTDIR);
      if ((m_flags & O_PATH) != 0) return give(fd.release());
      const int opened = retry([&] { return ::openat(here, name.c_str(), m_flags | O_NOFOLLOW, m_mode); });
      if (opened >= 0 || (errno != ELOOP && errno != ENOENT)) return give(opened);
    }
    return stop(EAGAIN);
  }

  const Fd& m_root;
  int m_flags;
  mode_t m_mode;
  Symlinks m_symlinks;
  int m_followed = 0;
  std::string m_rest;
  std::string m_tail;  // what follows the current name, with its slashes
  std::vector<Level> m_levels;
};

bool has_dot_dot(std::string_view path) {
  return path == ".." || path.starts_with("../") || path.ends_with("/..") || path.contains("/../");
}

Result<Fd> resolve(const Fd& root, std::string_view path, int flags, mode_t mode, Symlinks symlinks) {
  // A NUL would end the path early: the file that is opened would not be the one that was checked.
  if (path.contains('\0')) return failed(EINVAL, path);
  struct open_how how = {};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(allowed_flags(flags)));
  how.mode = creates(flags) ? mode & 07777 : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  if (symlinks == Symlinks::refuse) how.resolve |= RESOLVE_NO_SYMLINKS;
  const std::string text(path.empty() ? "." : path);
  // EAGAIN: a rename somewhere on the machine while ".." was resolved; the kernel asks to try again.
  for (int attempt = 0; attempt < 32; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root.get(), text.c_str(), &how, sizeof how);
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  if (errno != ENOSYS && errno != EPERM && errno != EAGAIN) return failed(errno, path);
  return walk_in_root(root, path, flags, mode, symlinks);
}

}  // namespace

Result<Fd> walk_in_root(const Fd& root, std::string_view path, int flags, mode_t mode, Symlinks symlinks) {
  if (path.contains('\0')) return failed(EINVAL, path);
  if (path.size() >= PATH_MAX) return failed(ENAMETOOLONG, path);
  Fd fd(Walk(root, allowed_flags(flags), mode & 07777, symlinks).run(path));
  if (!fd) return failed(errno, path);
  return fd;
}

Result<Fd> open_in_root(const Fd& root, std::string_view path, int flags, mode_t mode) {
  return resolve(root, path, flags, mode, Symlinks::follow);
}

Result<Fd> open_beneath_no_symlinks(const Fd& root, std::string_view path, int flags, mode_t mode) {
  // A path that the kernel does not take in one piece. Without symlinks and ".." it may be walked in pieces,
  // each from where the one before ended.
  Fd reached;
  const Fd* from = &root;
  while (path.size() >= PATH_MAX && !has_dot_dot(path)) {
    const std::size_t border = path.rfind('/', PATH_MAX - 2);
    if (border == std::string_view::npos || border == 0) break;
    reached = TRY(resolve(*from, path.substr(0, border), O_PATH | O_DIRECTORY, 0, Symlinks::refuse));
    from = &reached;
    path.remove_prefix(std::min(path.find_first_not_of('/', border), path.size()));
  }
  return resolve(*from, path, flags, mode, Symlinks::refuse);
}

}  // namespace ecrin::posix
