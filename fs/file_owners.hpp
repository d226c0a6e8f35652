// The state of a file with its true owner. Usually that is what its inode says. A process whose user
// namespace has one id only cannot give files to others: it records owners, and devices, in an attribute
// beside the content, and in a journal for what has no attributes (recorded_owner.hpp, owner_journal.hpp).
// All code that reads or sets owners in trees of layers goes through here, and need not know which it is.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "fs/owner_journal.hpp"
#include "fs/recorded_owner.hpp"

namespace ecrin::fs {

/// From now on this process records owners. To be called when it entered such a user namespace, while it has
/// one thread.
void record_owners();
bool owners_are_recorded();
/// An attribute that has to stay with its file although no layer has it.
bool is_owner_record(std::string_view attribute);
/// The journal of the store that is used; before that, links and pipes belong to root.
void use_owner_journal(OwnerJournal journal);

/// The store is on a file system that lets nobody make whiteouts, an overlay: an empty file with the record
/// of that device stands in for each.
void use_whiteout_stand_ins();
bool whiteouts_are_stand_ins();

/// As posix::lstat_at and posix::stat_fd.
Result<struct stat> status_at(const Fd& directory, const std::string& name);
Result<struct stat> status_of(const Fd& file);

/// fchownat. An id that this user namespace does not have is ErrorKind::unsupported, with the number of ids
/// there are as hint.
Result<> set_owner_at(const Fd& directory, const std::string& name, uid_t uid, gid_t gid);
/// The same of an open file.
Result<> set_owner(const Fd& file, uid_t uid, gid_t gid);
/// posix::mknod_at; where devices are recorded, an empty file stands in for one. Whiteouts are real, if they
/// can be.
Result<> make_node_at(const Fd& directory, const std::string& name, mode_t mode, dev_t device);

/// Only where owners are recorded. `status` is the inode's own; `file` may be O_PATH.
Result<std::optional<RecordedOwner>> recorded_owner(const Fd& file, const struct stat& status);
/// ENOTSUP: the file system has no attributes.
Result<> record_owner(const Fd& file, const struct stat& status, const RecordedOwner& owner);

}  // namespace ecrin::fs
