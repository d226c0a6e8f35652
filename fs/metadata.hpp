// What a tree records of a file beside its type and content: owner, mode, xattrs, times, always set in this
// order. Owner first, because chown clears set-id bits and capabilities; times last, because everything else
// changes them.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/posix.hpp"
#include "fs/file_owners.hpp"

namespace ecrin::fs {

/// Which extended attributes go along with a copy and which stay behind; nothing else decides it.
enum class XattrScope {
  all,
  /// What a layer can hold: user.*, file capabilities and ACLs, but no control attribute; and as PAX records
  /// can say it: a value that is not empty, no "=" in the name. All others (labels of this host) do not
  /// count.
  layer,
  /// Of these only user.*: what a file of the host brings into an image. The others are the host's own.
  user,
};
std::vector<posix::Xattr> in_scope(XattrScope scope, std::vector<posix::Xattr> xattrs);
/// Sorted by name. Only files and directories can have such attributes.
Result<std::vector<posix::Xattr>> layer_xattrs_at(const Fd& directory, const std::string& name,
                                                  const struct stat& status);

/// Attributes that this user or file system cannot set, apart from user.* on files and directories, are left
/// out.
Result<> set_xattrs_at(const Fd& directory, const std::string& name, std::span<const posix::Xattr> xattrs);
/// The same of an open file, and both of its times.
Result<> set_xattrs(const Fd& file, std::span<const posix::Xattr> xattrs);
Result<> set_times(const Fd& file, struct timespec mtime);

/// Gives `name` under `to` the metadata of `from_name` under `from`. An ordinary user keeps what the kernel
/// lets it keep.
Result<> copy_metadata(const Fd& from, const std::string& from_name, const struct stat& status, const Fd& to,
                       const std::string& to_name, XattrScope scope);
/// A copy of anything but a directory, with its metadata. File data is reflinked where possible.
Result<> copy_node(const Fd& from, const std::string& name, const struct stat& status, const Fd& to,
                   XattrScope scope);

/// What hardlinks have in common.
struct Inode {
  dev_t device;
  ino_t number;
  auto operator<=>(const Inode&) const = default;
};
inline Inode inode_of(const struct stat& status) {
  return {status.st_dev, status.st_ino};
}

/// Mode, owner and layer xattrs of a directory by descriptor: for the roots of trees, and where a directory
/// has to look exactly as another. By default what a root is that no layer says anything about: this
/// process's own, which is root:root in the user namespace.
struct RootMetadata {
  mode_t mode = 0755;
  uid_t uid = ::geteuid();
  gid_t gid = ::getegid();
  std::vector<posix::Xattr> xattrs;
  bool operator==(const RootMetadata&) const = default;
};
Result<RootMetadata> root_metadata(const Fd& directory);
Result<> set_root_metadata(const Fd& directory, const RootMetadata& metadata);

/// Whole seconds, at most `epoch` (INT64_MAX: no bound).
std::int64_t clamped_mtime(const struct stat& status, std::int64_t epoch);

/// One name in a tree.
struct Node {
  const Fd& directory;
  const std::string& name;
  const struct stat& status;
};

enum class ContentCheck { full, skip };
/// Do both stand for the same state, as a layer would record it? Directories: their own metadata only,
/// without their time (see changeset.hpp).
Result<bool> same_state(const Node& first, const Node& second, std::int64_t epoch,
                        ContentCheck content = ContentCheck::full);

}  // namespace ecrin::fs
