// The owner of a file that its inode cannot have, because the user namespace has one id only: written beside
// the file in the form that fuse-overlayfs and containers/storage use for theirs, "uid:gid:mode" and, for
// what stands in for another type of file, ":block-8-1", ":char-1-3". A device that nobody may make is an
// empty regular file with such a record.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace ecrin::fs {

/// A name of ours: fuse-overlayfs lets nobody write to the one that it uses itself.
inline constexpr const char* k_owner_xattr = "user.ecrin.owner";

struct RecordedOwner {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t type = 0;   // S_IFCHR or S_IFBLK for a device; 0: the file's own
  dev_t device = 0;  // of these
  bool operator==(const RecordedOwner&) const = default;
  /// Says no more than an inode of root does.
  bool is_plain() const { return uid == 0 && gid == 0 && type == 0; }
};

/// `mode`: the file's permission bits. They are written for other programs; the inode's own count.
std::string format_recorded_owner(const RecordedOwner& owner, mode_t mode);
/// Nothing when the text is not of this form.
std::optional<RecordedOwner> parse_recorded_owner(std::string_view text);

/// What a program should see of a file that has this record.
void apply_recorded_owner(struct stat& status, const RecordedOwner& owner);

}  // namespace ecrin::fs
