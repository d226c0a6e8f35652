#include "fs/store_needs.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <cerrno>

#include "base/posix.hpp"
#include "fs/file_owners.hpp"
#include "fs/id_map.hpp"
#include "fs/recorded_owner.hpp"

namespace ecrin::fs {
namespace {

constexpr const char* k_other_place =
    "choose a directory on a local file system (ext4, xfs, btrfs, tmpfs): ecrin "
    "--root DIR, or ECRIN_ROOT";

std::uint64_t mapped(const char* file) {
  const auto text = posix::read_file(file);
  const auto map = text ? parse_id_map(*text) : Result<IdMap>(IdMap());
  return map ? contiguous_ids(*map) : 0;
}

}  // namespace

Result<> check_attributes(const Fd& directory) {
  if (::getxattr(posix::fd_path(directory).c_str(), k_owner_xattr, nullptr, 0) >= 0) return {};
  if (errno != ENOTSUP && errno != ENOSYS) return {};
  return std::unexpected(
      Error::from_errno(ENOTSUP, "the store's file system has no extended attributes").hint(k_other_place));
}

Result<> check_owners(const Fd& directory) {
  if (owners_are_recorded() || mapped("/proc/self/uid_map") < 2 || mapped("/proc/self/gid_map") < 2)
    return {};
  constexpr const char* name = ".ecrin-owner";
  TRY(posix::open_at(directory, name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
  const auto given = posix::chown_at(directory, name, 1, 1);
  TRY(posix::unlink_at(directory, name));
  if (given || given.error().kind() == ErrorKind::not_found) return {};
  return std::unexpected(
      Error::from_errno(given.error().code(), "the store's file system gives files to no other user")
          .hint(k_other_place));
}

bool refuses_whiteouts(const Fd& directory) {
  struct statfs status {};
  return ::fstatfs(directory.get(), &status) == 0 && status.f_type == OVERLAYFS_SUPER_MAGIC;
}

Result<> check_executable(const Fd& directory) {
  struct statvfs status {};
  if (::fstatvfs(directory.get(), &status) != 0 || (status.f_flag & ST_NOEXEC) == 0) return {};
  return std::unexpected(
      Error(ErrorKind::denied,
            "the store is on a file system from which no programs can be executed (noexec)")
          .hint("mount it without noexec, or choose another directory: ecrin --root DIR, or ECRIN_ROOT"));
}

}  // namespace ecrin::fs
