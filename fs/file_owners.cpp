#include "fs/file_owners.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "fs/id_map.hpp"

namespace ecrin::fs {
namespace {

// Like the umask, it belongs to the process.
std::atomic<bool> g_recorded = false;
std::atomic<bool> g_stand_ins = false;
OwnerJournal& journal() {
  static OwnerJournal the_journal;
  return the_journal;
}

// A whiteout's. Few other files look like it, so their attributes are asked for.
bool may_stand_in(const struct stat& status) {
  return g_stand_ins && S_ISREG(status.st_mode) && status.st_size == 0 && (status.st_mode & 07777) == 0;
}

bool takes_attributes(const struct stat& status) {
  return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
}

Result<std::optional<RecordedOwner>> read_attribute(const std::string& path) {
  std::array<char, 128> value{};
  const ssize_t size = ::lgetxattr(path.c_str(), k_owner_xattr, value.data(), value.size());
  if (size >= 0) return parse_recorded_owner(std::string_view(value.data(), static_cast<std::size_t>(size)));
  if (errno == ENODATA || errno == ENOTSUP || errno == ERANGE) return std::optional<RecordedOwner>();
  return fail_errno("cannot read the owner of a file");
}

std::uint64_t mapped_ids(const char* file) {
  const auto text = posix::read_file(file);
  if (!text) return 0;
  const auto map = parse_id_map(*text);
  return map ? contiguous_ids(*map) : 0;
}

Error unmapped_owner(const std::string& file, uid_t uid, gid_t gid) {
  const std::uint64_t users = mapped_ids("/proc/self/uid_map");
  const std::uint64_t groups = mapped_ids("/proc/self/gid_map");
  return Error(ErrorKind::unsupported,
               fmt::format("cannot give {} the owner {}:{}: this user namespace has no such id", file, uid,
                           gid))
      .hint(
          fmt::format("the image needs user id {} and group id {}, but only {} user ids and {} group ids are "
                      "mapped: give this user larger ranges in /etc/subuid and /etc/subgid",
                      uid, gid, users, groups));
}

Result<> set_recorded_owner(const Fd& file, uid_t uid, gid_t gid) {
  const struct stat status = TRY(posix::stat_fd(file));
  RecordedOwner owner = TRY(recorded_owner(file, status)).value_or(RecordedOwner());
  if (owner.uid == uid && owner.gid == gid) return {};
  owner.uid = uid;
  owner.gid = gid;
  return record_owner(file, status, owner);
}

}  // namespace

void record_owners() {
  g_recorded = true;
}
bool owners_are_recorded() {
  return g_recorded;
}
bool is_owner_record(std::string_view attribute) {
  return (g_recorded || g_stand_ins) && attribute == k_owner_xattr;
}
void use_whiteout_stand_ins() {
  g_stand_ins = true;
}
bool whiteouts_are_stand_ins() {
  return g_stand_ins;
}
void use_owner_journal(OwnerJournal opened) {
  journal() = std::move(opened);
}

Result<struct stat> status_at(const Fd& directory, const std::string& name) {
  auto status = posix::lstat_at(directory, name);
  if (!status || !(g_recorded || may_stand_in(*status))) return status;
  if (takes_attributes(*status)) {
    if (const auto owner = TRY(read_attribute(posix::fd_path(directory) + "/" + name)))
      apply_recorded_owner(*status, *owner);
  } else if ((S_ISLNK(status->st_mode) || S_ISFIFO(status->st_mode))) {
    const Fd file = TRY(posix::open_at(directory, name, O_PATH | O_NOFOLLOW));
    if (const auto owner = TRY(recorded_owner(file, *status))) apply_recorded_owner(*status, *owner);
  }
  return status;
}

Result<struct stat> status_of(const Fd& file) {
  auto status = posix::stat_fd(file);
  if (!status || !(g_recorded || may_stand_in(*status))) return status;
  if (const auto owner = TRY(recorded_owner(file, *status))) apply_recorded_owner(*status, *owner);
  return status;
}

Result<> set_owner_at(const Fd& directory, const std::string& name, uid_t uid, gid_t gid) {
  if (g_recorded)
    return set_recorded_owner(TRY(posix::open_at(directory, name, O_PATH | O_NOFOLLOW)), uid, gid);
  auto result = posix::chown_at(directory, name, uid, gid);
  if (!result && result.error().code() == EINVAL)
    return std::unexpected(unmapped_owner(fmt::format("'{}'", printable(name)), uid, gid));
  return result;
}

Result<> set_owner(const Fd& file, uid_t uid, gid_t gid) {
  if (g_recorded) return set_recorded_owner(file, uid, gid);
  if (::fchown(file.get(), uid, gid) == 0) return {};
  if (errno == EINVAL) return std::unexpected(unmapped_owner("a file", uid, gid));
  return fail_errno("cannot change the owner of a file to {}:{}", uid, gid);
}

Result<> make_node_at(const Fd& directory, const std::string& name, mode_t mode, dev_t device) {
  const bool is_whiteout = S_ISCHR(mode) && device == makedev(0, 0);
  const bool is_device = S_ISBLK(mode) || S_ISCHR(mode);
  if (!is_device || (is_whiteout ? !g_stand_ins : !g_recorded))
    return posix::mknod_at(directory, name, mode, device);
  const Fd file =
      TRY(posix::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode & 07777));
  return record_owner(file, TRY(posix::stat_fd(file)), {.type = mode & S_IFMT, .device = device});
}

Result<std::optional<RecordedOwner>> recorded_owner(const Fd& file, const struct stat& status) {
  if (takes_attributes(status)) {
    std::array<char, 128> value{};
    const ssize_t size = ::getxattr(posix::fd_path(file).c_str(), k_owner_xattr, value.data(), value.size());
    if (size >= 0)
      return parse_recorded_owner(std::string_view(value.data(), static_cast<std::size_t>(size)));
    if (errno == ENODATA || errno == ENOTSUP || errno == ERANGE) return std::optional<RecordedOwner>();
    return fail_errno("cannot read the owner of a file");
  }
  if (!S_ISLNK(status.st_mode) && !S_ISFIFO(status.st_mode)) return std::optional<RecordedOwner>();
  return journal().find(TRY(birth_mark(file)));
}

Result<> record_owner(const Fd& file, const struct stat& status, const RecordedOwner& owner) {
  if (!takes_attributes(status)) {
    if (S_ISLNK(status.st_mode) || S_ISFIFO(status.st_mode))
      return journal().record(TRY(birth_mark(file)), owner);
    return std::unexpected(Error::from_errno(ENOTSUP, "cannot record the owner of a file"));
  }
  const std::string path = posix::fd_path(file);
  if (owner.is_plain()) {
    if (::removexattr(path.c_str(), k_owner_xattr) == 0 || errno == ENODATA) return {};
  } else {
    const std::string text = format_recorded_owner(owner, status.st_mode);
    if (::setxattr(path.c_str(), k_owner_xattr, text.data(), text.size(), 0) == 0) return {};
  }
  return fail_errno("cannot record the owner of a file");
}

}  // namespace ecrin::fs
