// The C library's calls on files, as the program and the libraries that it uses (SQLite among them) find
// them: a program's own functions come before those of its shared libraries. Names that the headers declare
// get another one here, because the declarations differ from one C library to the next.
#undef _FILE_OFFSET_BITS
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/faults/fault_point.hpp"

using ecrin::faults::Kind;
using ecrin::faults::note_name;
using ecrin::faults::note_written;
using ecrin::faults::real_call;
using ecrin::faults::refuses;
using ecrin::faults::refuses_name;

namespace {

constexpr long k_openat2 = 437;
constexpr long k_fchmodat2 = 452;

long as_long(const void* pointer) {
  return reinterpret_cast<long>(pointer);
}

bool creates(int flags) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

Kind kind_of(int flags) {
  return creates(flags) || (flags & O_TRUNC) != 0 ? Kind::space : Kind::read;
}

bool is_there(int dir, const char* path) {
  struct stat64 status = {};
  return real_call(SYS_newfstatat, dir, as_long(path), as_long(&status), AT_SYMLINK_NOFOLLOW) == 0;
}

// Runs a call that may give a directory a new name.
template <class Call>
long naming(int dir, const char* path, Call call) {
  const int saved = errno;
  const bool was_there = is_there(dir, path);
  errno = saved;
  const long result = call();
  if (result >= 0 && !was_there) note_name(dir, path);
  return result;
}

int open_file(int dir, const char* given, int flags, mode_t mode) {
  const char* path = ecrin::faults::opened_path(given);
  if (refuses_name(kind_of(flags), dir, path)) return -1;
  const auto call = [&] { return real_call(SYS_openat, dir, as_long(path), flags, mode); };
  const auto fd = static_cast<int>((flags & O_CREAT) != 0 ? naming(dir, path, call) : call());
  if (fd >= 0 && (flags & O_TRUNC) != 0) note_written(fd);
  return fd;
}

int rename_file(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
  if (refuses_name(Kind::space, to_dir, to)) return -1;
  return static_cast<int>(naming(to_dir, to, [&] {
    return flags == 0 ? real_call(SYS_renameat, from_dir, as_long(from), to_dir, as_long(to))
                      : real_call(SYS_renameat2, from_dir, as_long(from), to_dir, as_long(to), flags);
  }));
}

int make_directory(int dir, const char* path, mode_t mode) {
  if (refuses_name(Kind::space, dir, path)) return -1;
  return static_cast<int>(
      naming(dir, path, [&] { return real_call(SYS_mkdirat, dir, as_long(path), mode); }));
}

int remove_name(int dir, const char* path, int flags) {
  if (refuses_name(Kind::change, dir, path)) return -1;
  return static_cast<int>(real_call(SYS_unlinkat, dir, as_long(path), flags));
}

int status_at(int dir, const char* path, void* status, int flags) {
  if (refuses_name(Kind::read, dir, path)) return -1;
  return static_cast<int>(real_call(SYS_newfstatat, dir, as_long(path), as_long(status), flags));
}

// A call that changes a file by name and needs no care but counting.
template <class... Words>
int change_name(Kind kind, int dir, const char* path, long number, Words... words) {
  if (refuses_name(kind, dir, path)) return -1;
  return static_cast<int>(real_call(number, words...));
}

template <class... Words>
long change_bytes(int fd, long number, Words... words) {
  if (refuses(Kind::space, fd)) return -1;
  const long result = real_call(number, words...);
  if (result >= 0) note_written(fd);
  return result;
}

template <class... Words>
long read_bytes(int fd, long number, Words... words) {
  if (refuses(Kind::read, fd)) return -1;
  return real_call(number, words...);
}

}  // namespace

// FUNCTION(result, name, (parameters)) { ... } defines the C library's `name`.
#define FUNCTION(result, name, parameters)                                                   \
  extern "C" [[gnu::visibility("default")]] result ecrin_fault_##name parameters asm(#name); \
  extern "C" result ecrin_fault_##name parameters

// ---- names
// -----------------------------------------------------------------------------------------------------

#define MODE_ARGUMENT(last)       \
  mode_t mode = 0;                \
  if (creates(last)) {            \
    va_list words;                \
    va_start(words, last);        \
    mode = va_arg(words, mode_t); \
    va_end(words);                \
  }

FUNCTION(int, open, (const char* path, int flags, ...)) {
  MODE_ARGUMENT(flags)
  return open_file(AT_FDCWD, path, flags, mode);
}
FUNCTION(int, open64, (const char* path, int flags, ...)) {
  MODE_ARGUMENT(flags)
  return open_file(AT_FDCWD, path, flags, mode);
}
FUNCTION(int, openat, (int dir, const char* path, int flags, ...)) {
  MODE_ARGUMENT(flags)
  return open_file(dir, path, flags, mode);
}
FUNCTION(int, openat64, (int dir, const char* path, int flags, ...)) {
  MODE_ARGUMENT(flags)
  return open_file(dir, path, flags, mode);
}
FUNCTION(int, mkdir, (const char* path, mode_t mode)) {
  return make_directory(AT_FDCWD, path, mode);
}
FUNCTION(int, mkdirat, (int dir, const char* path, mode_t mode)) {
  return make_directory(dir, path, mode);
}
FUNCTION(int, rename, (const char* from, const char* to)) {
  return rename_file(AT_FDCWD, from, AT_FDCWD, to, 0);
}
FUNCTION(int, renameat, (int from_dir, const char* from, int to_dir, const char* to)) {
  return rename_file(from_dir, from, to_dir, to, 0);
}
FUNCTION(int, renameat2, (int from_dir, const char* from, int to_dir, const char* to, unsigned flags)) {
  return rename_file(from_dir, from, to_dir, to, flags);
}
FUNCTION(int, linkat, (int from_dir, const char* from, int to_dir, const char* to, int flags)) {
  if (refuses_name(Kind::space, to_dir, to)) return -1;
  return static_cast<int>(naming(to_dir, to, [&] {
    return real_call(SYS_linkat, from_dir, as_long(from), to_dir, as_long(to), flags);
  }));
}
FUNCTION(int, symlinkat, (const char* target, int dir, const char* path)) {
  if (refuses_name(Kind::space, dir, path)) return -1;
  return static_cast<int>(
      naming(dir, path, [&] { return real_call(SYS_symlinkat, as_long(target), dir, as_long(path)); }));
}
FUNCTION(int, mknodat, (int dir, const char* path, mode_t mode, dev_t device)) {
  if (refuses_name(Kind::space, dir, path)) return -1;
  return static_cast<int>(naming(dir, path, [&] {
    return real_call(SYS_mknodat, dir, as_long(path), mode, static_cast<long>(device));
  }));
}
FUNCTION(int, unlink, (const char* path)) {
  return remove_name(AT_FDCWD, path, 0);
}
FUNCTION(int, rmdir, (const char* path)) {
  return remove_name(AT_FDCWD, path, AT_REMOVEDIR);
}
FUNCTION(int, unlinkat, (int dir, const char* path, int flags)) {
  return remove_name(dir, path, flags);
}

// ---- what a file is
// --------------------------------------------------------------------------------------------

FUNCTION(int, fchmod, (int fd, mode_t mode)) {
  if (refuses(Kind::change, fd)) return -1;
  return static_cast<int>(real_call(SYS_fchmod, fd, mode));
}
FUNCTION(int, chmod, (const char* path, mode_t mode)) {
  return change_name(Kind::change, AT_FDCWD, path, SYS_fchmodat, AT_FDCWD, as_long(path), mode);
}
FUNCTION(int, fchownat, (int dir, const char* path, uid_t uid, gid_t gid, int flags)) {
  return change_name(Kind::change, dir, path, SYS_fchownat, dir, as_long(path), uid, gid, flags);
}
FUNCTION(int, utimensat, (int dir, const char* path, const timespec* times, int flags)) {
  return change_name(Kind::change, dir, path, SYS_utimensat, dir, as_long(path), as_long(times), flags);
}
FUNCTION(int, lsetxattr, (const char* path, const char* name, const void* value, size_t size, int flags)) {
  return change_name(Kind::space, AT_FDCWD, path, SYS_lsetxattr, as_long(path), as_long(name), as_long(value),
                     static_cast<long>(size), flags);
}
FUNCTION(int, lremovexattr, (const char* path, const char* name)) {
  return change_name(Kind::change, AT_FDCWD, path, SYS_lremovexattr, as_long(path), as_long(name));
}
FUNCTION(int, fstatat, (int dir, const char* path, void* status, int flags)) {
  return status_at(dir, path, status, flags);
}
FUNCTION(int, fstatat64, (int dir, const char* path, void* status, int flags)) {
  return status_at(dir, path, status, flags);
}
FUNCTION(int, stat, (const char* path, void* status)) {
  return status_at(AT_FDCWD, path, status, 0);
}
FUNCTION(int, stat64, (const char* path, void* status)) {
  return status_at(AT_FDCWD, path, status, 0);
}
FUNCTION(int, lstat, (const char* path, void* status)) {
  return status_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
FUNCTION(int, lstat64, (const char* path, void* status)) {
  return status_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
FUNCTION(int, fstat, (int fd, void* status)) {
  return static_cast<int>(read_bytes(fd, SYS_fstat, fd, as_long(status)));
}
FUNCTION(int, fstat64, (int fd, void* status)) {
  return static_cast<int>(read_bytes(fd, SYS_fstat, fd, as_long(status)));
}
FUNCTION(ssize_t, readlinkat, (int dir, const char* path, char* target, size_t size)) {
  if (refuses_name(Kind::read, dir, path)) return -1;
  return real_call(SYS_readlinkat, dir, as_long(path), as_long(target), static_cast<long>(size));
}
FUNCTION(ssize_t, lgetxattr, (const char* path, const char* name, void* value, size_t size)) {
  if (refuses_name(Kind::read, AT_FDCWD, path)) return -1;
  return real_call(SYS_lgetxattr, as_long(path), as_long(name), as_long(value), static_cast<long>(size));
}
FUNCTION(struct dirent64*, readdir64, (DIR * directory)) {
  using Call = dirent64* (*)(DIR*);
  static const Call call = reinterpret_cast<Call>(::dlsym(RTLD_NEXT, "readdir64"));
  return refuses(Kind::read, ::dirfd(directory)) ? nullptr : call(directory);
}

// ---- bytes
// -----------------------------------------------------------------------------------------------------

FUNCTION(ssize_t, read, (int fd, void* bytes, size_t size)) {
  return read_bytes(fd, SYS_read, fd, as_long(bytes), static_cast<long>(size));
}
FUNCTION(ssize_t, pread, (int fd, void* bytes, size_t size, off_t offset)) {
  return read_bytes(fd, SYS_pread64, fd, as_long(bytes), static_cast<long>(size), offset);
}
FUNCTION(ssize_t, pread64, (int fd, void* bytes, size_t size, off64_t offset)) {
  return read_bytes(fd, SYS_pread64, fd, as_long(bytes), static_cast<long>(size), offset);
}
FUNCTION(ssize_t, write, (int fd, const void* bytes, size_t size)) {
  return change_bytes(fd, SYS_write, fd, as_long(bytes), static_cast<long>(size));
}
FUNCTION(ssize_t, writev, (int fd, const iovec* parts, int count)) {
  return change_bytes(fd, SYS_writev, fd, as_long(parts), count);
}
FUNCTION(ssize_t, pwrite, (int fd, const void* bytes, size_t size, off_t offset)) {
  return change_bytes(fd, SYS_pwrite64, fd, as_long(bytes), static_cast<long>(size), offset);
}
FUNCTION(ssize_t, pwrite64, (int fd, const void* bytes, size_t size, off64_t offset)) {
  return change_bytes(fd, SYS_pwrite64, fd, as_long(bytes), static_cast<long>(size), offset);
}
FUNCTION(ssize_t, copy_file_range,
         (int from, off64_t* from_offset, int to, off64_t* to_offset, size_t size, unsigned flags)) {
  return change_bytes(to, SYS_copy_file_range, from, as_long(from_offset), to, as_long(to_offset),
                      static_cast<long>(size), flags);
}
FUNCTION(int, ftruncate, (int fd, off_t size)) {
  return static_cast<int>(change_bytes(fd, SYS_ftruncate, fd, size));
}
FUNCTION(int, ftruncate64, (int fd, off64_t size)) {
  return static_cast<int>(change_bytes(fd, SYS_ftruncate, fd, size));
}
FUNCTION(int, posix_fallocate64, (int fd, off64_t offset, off64_t size)) {
  return change_bytes(fd, SYS_fallocate, fd, 0L, offset, size) == 0 ? 0 : errno;
}
FUNCTION(int, fsync, (int fd)) {
  if (refuses(Kind::space, fd)) return -1;
  const long result = real_call(SYS_fsync, fd);
  if (result == 0) ecrin::faults::note_synced(fd);
  return static_cast<int>(result);
}
FUNCTION(int, fdatasync, (int fd)) {
  if (refuses(Kind::space, fd)) return -1;
  const long result = real_call(SYS_fdatasync, fd);
  if (result == 0) ecrin::faults::note_synced(fd);
  return static_cast<int>(result);
}
FUNCTION(int, syncfs, (int fd)) {
  if (refuses(Kind::space, fd)) return -1;
  ecrin::faults::before_syncfs(fd);
  const long result = real_call(SYS_syncfs, fd);
  if (result == 0) ecrin::faults::after_syncfs(fd);
  return static_cast<int>(result);
}

// Calls that have no function in Debian 12's C library.
FUNCTION(long, syscall, (long number, ...)) {
  va_list given;
  va_start(given, number);
  long words[6];
  for (long& word : words) word = va_arg(given, long);
  va_end(given);
  const auto call = [&] {
    return real_call(number, words[0], words[1], words[2], words[3], words[4], words[5]);
  };
  const auto dir = static_cast<int>(words[0]);
  const auto* path = reinterpret_cast<const char*>(words[1]);
  if (number == k_fchmodat2 && refuses_name(Kind::change, dir, path)) return -1;
  if (number != k_openat2) return call();
  const auto flags = static_cast<int>(*reinterpret_cast<const unsigned long long*>(words[2]));
  // A path as it is seen from another root: judged by the directory that it starts from.
  if (refuses(kind_of(flags), dir)) return -1;
  const long fd = creates(flags) ? naming(dir, path, call) : call();
  if (fd >= 0 && (flags & O_TRUNC) != 0) note_written(static_cast<int>(fd));
  return fd;
}
