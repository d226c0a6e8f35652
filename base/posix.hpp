// System calls as Results. Descriptor first, path second. Every path given to an `_at` function is relative
// to its descriptor; `open_in_root` is the only way into a tree that somebody else wrote.
// Every call retries EINTR. Messages name the path; the caller adds what it was doing.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::posix {

/// openat(2) with O_CLOEXEC added.
Result<Fd> open_at(const Fd& dir, const std::string& path, int flags, mode_t mode = 0);
/// open(2) of an absolute path, or one relative to the working directory, with O_CLOEXEC added.
Result<Fd> open(const std::string& path, int flags, mode_t mode = 0);
/// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: symlinks and ".." are resolved as if `root` were
/// the root directory, so the result is always inside. Where openat2 is missing (ENOSYS, or EPERM of an old
/// seccomp profile) an O_PATH walk with the same meaning is used. "" and "/" are the root itself.
Result<Fd> open_in_root(const Fd& root, std::string_view path, int flags, mode_t mode = 0);
/// As open_in_root, of any length, and no symlink anywhere: fails with ELOOP instead of following one
/// (RESOLVE_NO_SYMLINKS).
Result<Fd> open_beneath_no_symlinks(const Fd& root, std::string_view path, int flags, mode_t mode = 0);

Result<struct stat> stat_fd(const Fd& fd);
/// Nobody but this user can write to it; `path` is for the error (denied).
Result<> check_own_directory(const Fd& dir, const std::string& path);
/// fstatat with AT_SYMLINK_NOFOLLOW.
Result<struct stat> lstat_at(const Fd& dir, const std::string& name);
/// Does something with this name exist (also a dangling symlink)?
enum class Exists { no, yes };
Result<Exists> exists_at(const Fd& dir, const std::string& name);

Result<> mkdir_at(const Fd& dir, const std::string& name, mode_t mode);
/// mkdir -p for paths of our own (the store, outputs). Never for a rootfs.
Result<> make_directories(const std::string& path, mode_t mode);
Result<> unlink_at(const Fd& dir, const std::string& name, int flags = 0);
Result<> rename_at(const Fd& from_dir, const std::string& from, const Fd& to_dir, const std::string& to,
                   unsigned flags = 0);
Result<> symlink_at(const std::string& target, const Fd& dir, const std::string& name);
Result<> link_at(const Fd& from_dir, const std::string& from, const Fd& to_dir, const std::string& to);
Result<> mknod_at(const Fd& dir, const std::string& name, mode_t mode, dev_t device);
Result<std::string> readlink_at(const Fd& dir, const std::string& name);
Result<> fchmod(const Fd& fd, mode_t mode);
/// Works on regular files, directories and special files, never through a symlink (O_PATH + /proc/self/fd).
Result<> chmod_at(const Fd& dir, const std::string& name, mode_t mode);
Result<> chown_at(const Fd& dir, const std::string& name, uid_t uid, gid_t gid);
/// Sets atime and mtime, never through a symlink.
Result<> set_times_at(const Fd& dir, const std::string& name, struct timespec mtime);

/// Names of a directory, without . and .., sorted by bytes. `dir` may be O_PATH.
struct DirectoryEntry {
  std::string name;
  std::uint64_t inode;
  unsigned char type;  // DT_*; DT_UNKNOWN is resolved, so it never appears
};
Result<std::vector<DirectoryEntry>> list_directory(const Fd& dir);

Result<std::size_t> read_some(const Fd& fd, std::span<std::byte> buffer);  // 0: end of file
Result<> read_full(const Fd& fd, std::span<std::byte> buffer);             // EOF before: invalid
Result<> write_full(const Fd& fd, std::span<const std::byte> bytes);
Result<> write_full(const Fd& fd, std::string_view bytes);
/// A whole small file. More than `limit` bytes: ErrorKind::limit.
Result<std::string> read_file(const std::string& path, std::uint64_t limit = 16u << 20);
Result<std::string> read_fd(const Fd& fd, std::uint64_t limit = 16u << 20);
/// Copies `size` bytes (reflink or copy_file_range where possible, else read and write); holes stay holes.
Result<> copy_file_data(const Fd& from, const Fd& to, std::uint64_t size);
/// Truncates to nothing; the next read or write starts at the beginning.
Result<> empty_file(const Fd& fd);
Result<> fsync(const Fd& fd);
Result<> syncfs(const Fd& fd);

/// Extended attributes, of a descriptor (may be O_PATH: then through /proc/self/fd) or of a name, never
/// through a symlink. A file system without xattrs lists none.
struct Xattr {
  std::string name;
  std::string value;
  bool operator==(const Xattr&) const = default;
};
Result<std::vector<Xattr>> list_xattrs(const Fd& fd);  // sorted by name
Result<std::vector<Xattr>> list_xattrs_at(const Fd& dir, const std::string& name);
Result<> set_xattr_at(const Fd& dir, const std::string& name, const std::string& key, std::string_view value);
Result<> remove_xattr_at(const Fd& dir, const std::string& name, const std::string& key);
/// Empty optional when the attribute is not there.
Result<std::optional<std::string>> get_xattr_at(const Fd& dir, const std::string& name,
                                                const std::string& key);

/// A sealed, read-only, close-on-exec memory file with these bytes.
Result<Fd> sealed_memory_file(const std::string& name, std::span<const std::byte> bytes);

/// "/proc/self/fd/N": a path for the few calls that take no descriptor (mount, setxattr).
std::string fd_path(const Fd& fd);

}  // namespace ecrin::posix
