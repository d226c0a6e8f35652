// Who "user[:group]" is in an image: /etc/passwd and /etc/group of the rootfs, read defensively (regular
// files only, no symlink out of the root, at most 16 MiB, lines at most 1 MiB, malformed lines skipped).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace ecrin::run {

struct UserIdentity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> additional_gids;  // with `gid`, as docker and podman have it
  std::string home = "/";
  std::string name;
};
/// "" is root. Names must exist; numbers need no entry. A plain user takes its groups from /etc/group.
Result<UserIdentity> look_up_user(const Fd& rootfs, const std::string& user);
/// "user", "user:group", ":group", "1:2" to ids, as --chown does (a user alone: its own id for both, by
/// number, or the passwd entry's group by name).
struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};
Result<Owner> look_up_owner(const Fd& rootfs, const std::string& owner);

}  // namespace ecrin::run
