// Calls that give files an owner: by chown(2), or by making them.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/random.hpp"
#include "run/owners/call_context.hpp"

namespace ecrin::run {
namespace {

// Who owns what is made in a directory: the maker, and the directory's group where it hands that down.
struct NewOwner {
  fs::RecordedOwner owner;
  bool hands_down_group = false;
};

Result<NewOwner> owner_in(const CallContext& call, const Fd& directory) {
  NewOwner made{.owner = {.uid = call.ids.fsuid, .gid = call.ids.fsgid}};
  const struct stat status = TRY(posix::stat_fd(directory));
  if (!(status.st_mode & S_ISGID)) return made;
  made.hands_down_group = true;
  const auto above = TRY(call.records.find(directory, status));
  made.owner.gid = above ? above->gid : status.st_gid;
  return made;
}

Result<> record_new(const CallContext& call, const Fd& directory, const std::string& name,
                    const fs::RecordedOwner& owner) {
  const Fd file = TRY(posix::open_at(directory, name, O_PATH | O_NOFOLLOW));
  return call.records.record(file, TRY(posix::stat_fd(file)), owner);
}

// May this program give the file away? The rules of chown(2) for who is not root.
bool may_change(const ProgramIds& ids, const fs::RecordedOwner& owner, std::uint32_t uid, std::uint32_t gid) {
  if (ids.is_privileged()) return true;
  if (ids.fsuid != owner.uid) return false;
  if (uid != k_unchanged_id && uid != owner.uid) return false;
  return gid == k_unchanged_id || gid == owner.gid || ids.has_group(gid);
}

Result<> check_new(const NewName& place) {
  if (TRY(posix::exists_at(place.directory, place.name)) == posix::Exists::no) return {};
  return std::unexpected(Error::from_errno(EEXIST, "a name is taken"));
}

// Links and pipes have no attributes: they are known by their inode. One of a layer below gets another inode
// when it is changed, of which overlay mounts say nothing, so that its record would not be found. A new one
// is what it says it is.
bool is_known_by_inode(const struct stat& status) {
  return S_ISLNK(status.st_mode) || S_ISFIFO(status.st_mode);
}

Result<> make_anew(const CallContext& call, const NewName& from, const struct stat& status, const NewName& to,
                   unsigned flags, const fs::RecordedOwner& owner) {
  const std::string name = ".ecrin-" + random_hexadecimal(16);
  TRY(call.caller.is_waiting());
  if (S_ISLNK(status.st_mode)) {
    TRY(posix::symlink_at(TRY(posix::readlink_at(from.directory, from.name)), to.directory, name));
  } else {
    TRY(posix::mknod_at(to.directory, name, S_IFIFO | 0600, 0));
    TRY(posix::chmod_at(to.directory, name, status.st_mode & 07777));
  }
  const auto done = [&]() -> Result<> {
    TRY(posix::set_times_at(to.directory, name, status.st_mtim));
    TRY(record_new(call, to.directory, name, owner));
    return posix::rename_at(to.directory, name, to.directory, to.name, flags);
  }();
  if (!done) (void)posix::unlink_at(to.directory, name);
  return done;
}

// Block and character devices: an empty file stands in for them.
Result<> make_stand_in(const NewName& place, mode_t mode) {
  const Fd file = TRY(posix::open_at(place.directory, place.name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  return posix::fchmod(file, mode);
}

}  // namespace

Result<CallAnswer> change_owner(const CallContext& call, int directory, std::optional<std::uint64_t> path,
                                std::uint32_t uid, std::uint32_t gid, int flags) {
  const std::string text = path ? TRY(call.caller.read_path(*path)) : "";
  const bool by_descriptor = !path || (text.empty() && (flags & AT_EMPTY_PATH));
  const Fd file =
      by_descriptor
          ? TRY(call.caller.open_descriptor(directory))
          : TRY(call.caller.open(directory, text,
                                 flags & AT_SYMLINK_NOFOLLOW ? FinalSymlink::stay : FinalSymlink::follow));
  const struct stat status = TRY(posix::stat_fd(file));
  fs::RecordedOwner owner = TRY(call.records.find(file, status)).value_or(fs::RecordedOwner());
  if (!may_change(call.ids, owner, uid, gid)) return answer_error(EPERM);
  if (uid != k_unchanged_id) owner.uid = uid;
  if (gid != k_unchanged_id) owner.gid = gid;
  if (is_known_by_inode(status) && !by_descriptor) {
    if (TRY(call.records.find(file, status)).value_or(fs::RecordedOwner()) == owner) return answer_value();
    const NewName place = TRY(call.caller.open_parent(directory, text));
    const auto named = posix::lstat_at(place.directory, place.name);
    // A pipe that was reached through a link is not this name.
    if (named && named->st_ino == status.st_ino) {
      TRY(make_anew(call, place, status, place, 0, owner));
      return answer_value();
    }
  }
  TRY(call.caller.is_waiting());
  // The kernel does all else: it refuses read-only mounts, takes set-id bits and capabilities away, copies
  // up.
  if (::fchownat(file.get(), "", 0, 0, AT_EMPTY_PATH) != 0) return answer_error(errno);
  TRY(call.records.record(file, TRY(posix::stat_fd(file)), owner));
  return answer_value();
}

Result<CallAnswer> make_node(const CallContext& call, int directory, std::uint64_t path, mode_t mode,
                             dev_t device) {
  const bool is_device = S_ISCHR(mode) || S_ISBLK(mode);
  if (S_ISCHR(mode) && device == 0) return CallAnswer();  // anybody may make it
  const NewName place = TRY(call.caller.open_parent(directory, TRY(call.caller.read_path(path))));
  NewOwner made = TRY(owner_in(call, place.directory));
  if (is_device) {
    if (!call.ids.is_privileged()) return answer_error(EPERM);
    made.owner.type = mode & S_IFMT;
    made.owner.device = device;
  }
  if (made.owner.is_plain()) return CallAnswer();
  TRY(check_new(place));
  const mode_t permissions = mode & 07777 & ~TRY(call.caller.umask());
  TRY(call.caller.is_waiting());
  if (is_device) {
    TRY(make_stand_in(place, permissions));
  } else {
    TRY(posix::mknod_at(place.directory, place.name, (mode & S_IFMT) | 0600, 0));
    TRY(posix::chmod_at(place.directory, place.name, permissions));
  }
  TRY(record_new(call, place.directory, place.name, made.owner));
  return answer_value();
}

Result<CallAnswer> make_directory(const CallContext& call, int directory, std::uint64_t path, mode_t mode) {
  const NewName place = TRY(call.caller.open_parent(directory, TRY(call.caller.read_path(path))));
  const NewOwner made = TRY(owner_in(call, place.directory));
  if (made.owner.is_plain()) return CallAnswer();
  mode_t permissions = mode & 01777 & ~TRY(call.caller.umask());
  if (made.hands_down_group) permissions |= S_ISGID;
  TRY(call.caller.is_waiting());
  TRY(posix::mkdir_at(place.directory, place.name, 0700));
  TRY(posix::chmod_at(place.directory, place.name, permissions));
  TRY(record_new(call, place.directory, place.name, made.owner));
  return answer_value();
}

Result<CallAnswer> make_symlink(const CallContext& call, std::uint64_t target, int directory,
                                std::uint64_t path) {
  const NewName place = TRY(call.caller.open_parent(directory, TRY(call.caller.read_path(path))));
  const NewOwner made = TRY(owner_in(call, place.directory));
  if (made.owner.is_plain()) return CallAnswer();
  const std::string text = TRY(call.caller.read_path(target));
  TRY(call.caller.is_waiting());
  TRY(posix::symlink_at(text, place.directory, place.name));
  TRY(record_new(call, place.directory, place.name, made.owner));
  return answer_value();
}

// open(2) with O_CREAT. What exists is opened by the kernel, and what does not is made before that.
Result<CallAnswer> create_file(const CallContext& call, int directory, std::uint64_t path, int flags,
                               mode_t mode) {
  const bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
  if (!unnamed && !(flags & O_CREAT)) return CallAnswer();
  const std::string text = TRY(call.caller.read_path(path));
  NewName place;
  if (unnamed) {
    place = {.directory = TRY(call.caller.open(directory, text, FinalSymlink::follow)), .name = "."};
  } else {
    place = TRY(call.caller.open_parent(directory, text));
  }
  const NewOwner made = TRY(owner_in(call, place.directory));
  if (made.owner.is_plain()) return CallAnswer();
  if (!unnamed && TRY(posix::exists_at(place.directory, place.name)) == posix::Exists::yes)
    return CallAnswer();
  const mode_t permissions = mode & 07777 & ~TRY(call.caller.umask());
  TRY(call.caller.is_waiting());
  const bool hand_over = unnamed || (flags & O_EXCL);
  const int how = hand_over ? flags : O_WRONLY | O_CREAT | O_EXCL;
  Fd file = TRY(posix::open_at(place.directory, place.name, how & ~O_NOCTTY, 0600));
  TRY(posix::fchmod(file, permissions));
  TRY(call.records.record(file, TRY(posix::stat_fd(file)), made.owner));
  if (!hand_over) return CallAnswer();
  CallAnswer answer = answer_value();
  answer.descriptor = std::move(file);
  answer.close_on_exec = flags & O_CLOEXEC;
  return answer;
}

namespace {

// All else carries its record with it.
struct RecordedName {
  NewName place;
  struct stat status {};
  std::optional<fs::RecordedOwner> owner;
};

Result<RecordedName> find_recorded(const CallContext& call, int directory, std::uint64_t path) {
  RecordedName name{.place = TRY(call.caller.open_parent(directory, TRY(call.caller.read_path(path)))),
                    .status = {},
                    .owner = {}};
  const Fd file = TRY(posix::open_at(name.place.directory, name.place.name, O_PATH | O_NOFOLLOW));
  name.status = TRY(posix::stat_fd(file));
  if (is_known_by_inode(name.status)) name.owner = TRY(call.records.find(file, name.status));
  return name;
}

CallAnswer outcome(const Result<>& done) {
  return done ? answer_value() : answer_error(done.error().code() != 0 ? done.error().code() : EPERM);
}

}  // namespace

Result<CallAnswer> move_name(const CallContext& call, int from_directory, std::uint64_t from,
                             int to_directory, std::uint64_t to, unsigned flags) {
  const RecordedName name = TRY(find_recorded(call, from_directory, from));
  if (!name.owner || (flags & ~static_cast<unsigned>(RENAME_NOREPLACE))) return CallAnswer();
  const NewName target = TRY(call.caller.open_parent(to_directory, TRY(call.caller.read_path(to))));
  auto made = make_anew(call, name.place, name.status, target, flags, *name.owner);
  if (made) made = posix::unlink_at(name.place.directory, name.place.name);
  return outcome(made);
}

Result<CallAnswer> link_name(const CallContext& call, int from_directory, std::uint64_t from,
                             int to_directory, std::uint64_t to, int flags) {
  if (flags != 0) return CallAnswer();
  const RecordedName name = TRY(find_recorded(call, from_directory, from));
  if (!name.owner) return CallAnswer();
  const NewName target = TRY(call.caller.open_parent(to_directory, TRY(call.caller.read_path(to))));
  return outcome(make_anew(call, name.place, name.status, target, RENAME_NOREPLACE, *name.owner));
}

}  // namespace ecrin::run
