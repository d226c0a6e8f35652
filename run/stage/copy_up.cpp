// "tmpcopyup": a new tmpfs begins with what the image has in its place.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

// Two descriptors a level.
constexpr unsigned k_deepest = 200;

// The kernel names no reason for a value that cannot be kept here (another user namespace's, a file system
// without it); the content counts.
void copy_xattrs(const Fd& from_parent, const Fd& to_parent, const std::string& name) {
  const auto attributes = posix::list_xattrs_at(from_parent, name);
  if (!attributes) return;
  for (const posix::Xattr& attribute : *attributes)
    (void)posix::set_xattr_at(to_parent, name, attribute.name, attribute.value);
}

Result<> copy_owner(const Fd& to_parent, const std::string& name, const struct stat& status) {
  auto given = posix::chown_at(to_parent, name, status.st_uid, status.st_gid);
  // An id that is not mapped has no name here to be given to.
  if (!given && given.error().code() != EINVAL && given.error().code() != EPERM) return given;
  return {};
}

Result<> copy_tree(const Fd& from, const Fd& to, unsigned depth);

Result<> copy_regular(const Fd& from, const Fd& to, const std::string& name) {
  const Fd source = TRY(posix::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  const struct stat status = TRY(posix::stat_fd(source));
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::conflict, "'{}' changed its kind", printable(name));
  const Fd copy = TRY(posix::open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  return posix::copy_file_data(source, copy, static_cast<std::uint64_t>(status.st_size));
}

Result<> copy_entry(const Fd& from, const Fd& to, const std::string& name, unsigned depth) {
  const struct stat status = TRY(posix::lstat_at(from, name));
  switch (status.st_mode & S_IFMT) {
    case S_IFLNK:
      TRY(posix::symlink_at(TRY(posix::readlink_at(from, name)), to, name));
      break;
    case S_IFREG:
      TRY(copy_regular(from, to, name));
      break;
    case S_IFDIR: {
      TRY(posix::mkdir_at(to, name, 0700));
      constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
      TRY(copy_tree(TRY(posix::open_at(from, name, flags)), TRY(posix::open_at(to, name, flags)), depth + 1));
      break;
    }
    case S_IFIFO:
      TRY(posix::mknod_at(to, name, S_IFIFO | 0600, 0));
      break;
    default:
      return {};  // sockets without their server and devices
  }
  TRY(copy_owner(to, name, status));
  copy_xattrs(from, to, name);
  if (!S_ISLNK(status.st_mode)) TRY(posix::chmod_at(to, name, status.st_mode & 07777));
  return posix::set_times_at(to, name, status.st_mtim);
}

Result<> copy_tree(const Fd& from, const Fd& to, unsigned depth) {
  if (depth > k_deepest) return fail(ErrorKind::limit, "directories are nested deeper than {}", k_deepest);
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(from)))
    TRY_WHILE(copy_entry(from, to, entry.name, depth), "copying '{}'", printable(entry.name));
  return {};
}

}  // namespace

Result<> copy_up(const Fd& from, const Fd& to) {
  TRY(copy_tree(from, to, 0));
  const struct stat status = TRY(posix::stat_fd(from));
  if (::fchownat(to.get(), "", status.st_uid, status.st_gid, AT_EMPTY_PATH) != 0 && errno != EINVAL &&
      errno != EPERM)
    return fail_errno("cannot set the owner of the new file system");
  return {};
}

}  // namespace ecrin::run::stage
