#include "base/posix.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <memory>

#include "base/posix_internal.hpp"
#include "base/text.hpp"

// Newer than Debian 12's kernel headers; the numbers are the same on every architecture.
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace ecrin::posix {
namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

unsigned char entry_type(mode_t mode) {
  return static_cast<unsigned char>(IFTODT(mode));
}

}  // namespace

std::string fd_path(const Fd& fd) {
  return fmt::format("/proc/self/fd/{}", fd.get());
}

std::string describe(const Fd& fd) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(fd_path(fd).c_str(), target, sizeof target);
  if (length < 0) return fmt::format("descriptor {}", fd.get());
  return printable(std::string_view(target, static_cast<std::size_t>(length)));
}

Result<Fd> open_at(const Fd& dir, const std::string& path, int flags, mode_t mode) {
  Fd fd(retry([&] { return ::openat(dir.get(), path.c_str(), flags | O_CLOEXEC, mode); }));
  if (!fd) return fail_errno("cannot open '{}'", printable(path));
  return fd;
}

Result<Fd> open(const std::string& path, int flags, mode_t mode) {
  return open_at(Fd(AT_FDCWD), path, flags, mode);
}

Result<struct stat> stat_fd(const Fd& fd) {
  struct stat status;
  if (::fstat(fd.get(), &status) != 0) {
    const int code = errno;
    return std::unexpected(
        Error::from_errno(code, fmt::format("cannot read the status of '{}'", describe(fd))));
  }
  return status;
}

Result<> check_own_directory(const Fd& dir, const std::string& path) {
  const struct stat status = TRY(stat_fd(dir));
  if (status.st_uid != ::geteuid())
    return fail(ErrorKind::denied, "'{}' belongs to another user", printable(path));
  if ((status.st_mode & 022) != 0)
    return fail(ErrorKind::denied, "'{}' can be written to by others", printable(path));
  return {};
}

Result<struct stat> lstat_at(const Fd& dir, const std::string& name) {
  struct stat status;
  if (::fstatat(dir.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail_errno("cannot read the status of '{}'", printable(name));
  }
  return status;
}

Result<Exists> exists_at(const Fd& dir, const std::string& name) {
  const auto status = lstat_at(dir, name);
  if (status) return Exists::yes;
  if (status.error().code() == ENOENT) return Exists::no;
  return std::unexpected(status.error());
}

Result<> mkdir_at(const Fd& dir, const std::string& name, mode_t mode) {
  if (::mkdirat(dir.get(), name.c_str(), mode) != 0) {
    return fail_errno("cannot create the directory '{}'", printable(name));
  }
  return {};
}

Result<> make_directories(const std::string& path, mode_t mode) {
  const auto is_directory = [](const std::string& name) {
    struct stat status;
    return ::stat(name.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  };
  if (is_directory(path)) return {};
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string parent = path.substr(0, end);
    if (::mkdir(parent.c_str(), mode) != 0) {
      // A parent may be unwritable, on a read-only file system or just made by another process: what counts
      // is that it is there.
      const int code = errno;
      if (!is_directory(parent)) {
        return std::unexpected(
            Error::from_errno(code, fmt::format("cannot create the directory '{}'", printable(parent))));
      }
    }
    if (end == std::string::npos) return {};
  }
}

Result<> unlink_at(const Fd& dir, const std::string& name, int flags) {
  if (::unlinkat(dir.get(), name.c_str(), flags) != 0)
    return fail_errno("cannot remove '{}'", printable(name));
  return {};
}

Result<> rename_at(const Fd& from_dir, const std::string& from, const Fd& to_dir, const std::string& to,
                   unsigned flags) {
  // Plain renameat first: file systems without renameat2 refuse even a renameat2 of no flags on old kernels.
  const int result = flags == 0 ? ::renameat(from_dir.get(), from.c_str(), to_dir.get(), to.c_str())
                                : ::renameat2(from_dir.get(), from.c_str(), to_dir.get(), to.c_str(), flags);
  if (result != 0) return fail_errno("cannot rename '{}' to '{}'", printable(from), printable(to));
  return {};
}

Result<> symlink_at(const std::string& target, const Fd& dir, const std::string& name) {
  if (::symlinkat(target.c_str(), dir.get(), name.c_str()) != 0) {
    return fail_errno("cannot create the symbolic link '{}'", printable(name));
  }
  return {};
}

Result<> link_at(const Fd& from_dir, const std::string& from, const Fd& to_dir, const std::string& to) {
  if (::linkat(from_dir.get(), from.c_str(), to_dir.get(), to.c_str(), 0) != 0) {
    return fail_errno("cannot link '{}' to '{}'", printable(to), printable(from));
  }
  return {};
}

Result<> mknod_at(const Fd& dir, const std::string& name, mode_t mode, dev_t device) {
  if (::mknodat(dir.get(), name.c_str(), mode, device) != 0) {
    return fail_errno("cannot create the special file '{}'", printable(name));
  }
  return {};
}

Result<std::string> readlink_at(const Fd& dir, const std::string& name) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t length = ::readlinkat(dir.get(), name.c_str(), target.data(), target.size());
    if (length < 0) return fail_errno("cannot read the symbolic link '{}'", printable(name));
    if (static_cast<std::size_t>(length) < target.size()) {
      target.resize(static_cast<std::size_t>(length));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

Result<> fchmod(const Fd& fd, mode_t mode) {
  if (::fchmod(fd.get(), mode) != 0) {
    const int code = errno;
    return std::unexpected(
        Error::from_errno(code, fmt::format("cannot change the mode of '{}'", describe(fd))));
  }
  return {};
}

Result<> chmod_at(const Fd& dir, const std::string& name, mode_t mode) {
  // fchmodat2 (Linux 6.6) does it in one call and refuses a symlink with EOPNOTSUPP; an old seccomp profile
  // answers EPERM for a call that it does not know.
  if (::syscall(SYS_fchmodat2, dir.get(), name.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0) return {};
  if (errno == ENOSYS || errno == EPERM) {
    Fd fd = TRY(open_at(dir, name, O_PATH | O_NOFOLLOW));
    const struct stat status = TRY(stat_fd(fd));
    if (!S_ISLNK(status.st_mode)) {
      if (::chmod(fd_path(fd).c_str(), mode) == 0) return {};
    } else {
      errno = EOPNOTSUPP;
    }
  }
  return fail_errno("cannot change the mode of '{}'", printable(name));
}

Result<> chown_at(const Fd& dir, const std::string& name, uid_t uid, gid_t gid) {
  if (::fchownat(dir.get(), name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail_errno("cannot change the owner of '{}' to {}:{}", printable(name), uid, gid);
  }
  return {};
}

Result<> set_times_at(const Fd& dir, const std::string& name, struct timespec mtime) {
  const struct timespec times[2] = {mtime, mtime};
  if (::utimensat(dir.get(), name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail_errno("cannot set the times of '{}'", printable(name));
  }
  return {};
}

Result<std::vector<DirectoryEntry>> list_directory(const Fd& dir) {
  // Opened anew: `dir` may be O_PATH, and a listing of its own does not move the position of `dir`.
  Fd fd(retry([&] { return ::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  std::unique_ptr<DIR, DirectoryCloser> stream(fd ? ::fdopendir(fd.get()) : nullptr);
  const auto failed = [&](int code) {
    return std::unexpected(
        Error::from_errno(code, fmt::format("cannot list the directory '{}'", describe(dir))));
  };
  if (!stream) return failed(errno);
  (void)fd.release();  // belongs to the stream now
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const struct dirent* found = ::readdir(stream.get());
    if (found == nullptr) {
      if (errno != 0) return failed(errno);
      break;
    }
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    DirectoryEntry entry{.name = std::string(name), .inode = found->d_ino, .type = found->d_type};
    if (entry.type == DT_UNKNOWN) {
      struct stat status;
      if (::fstatat(dir.get(), entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;  // removed since
        return failed(errno);
      }
      entry.type = entry_type(status.st_mode);
    }
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<Fd> sealed_memory_file(const std::string& name, std::span<const std::byte> bytes) {
  // Linux 6.3 wants to be told whether the file may be executed, older kernels do not know the flag, and
  // vm.memfd_noexec=2 allows only files that may not.
  Fd file;
  for (const unsigned flags : {MFD_EXEC, 0u, MFD_NOEXEC_SEAL}) {
    file = Fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
    if (file) break;
  }
  if (!file) return fail_errno("cannot create the memory file '{}'", printable(name));
  TRY(write_full(file, bytes));
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return fail_errno("cannot seal the memory file '{}'", printable(name));
  }
  // A read-only descriptor, at the beginning: a program whose file is open for writing may not be executed.
  return open(fd_path(file), O_RDONLY);
}

}  // namespace ecrin::posix
