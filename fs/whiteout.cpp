#include "fs/whiteout.hpp"

#include <sys/sysmacros.h>

#include <array>

#include "base/posix.hpp"
#include "fs/file_owners.hpp"

namespace ecrin::fs {

namespace {
constexpr std::array<const char*, 3> k_opaque_xattrs = {"user.overlay.opaque", "user.fuseoverlayfs.opaque",
                                                        "trusted.overlay.opaque"};
}

bool is_whiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

Result<> make_whiteout(const Fd& directory, const std::string& name) {
  return make_node_at(directory, name, S_IFCHR, makedev(0, 0));
}

Result<bool> is_opaque(const Fd& parent, const std::string& name) {
  for (const char* key : k_opaque_xattrs) {
    const auto value = TRY(posix::get_xattr_at(parent, name, key));
    if (value && *value == "y") return true;
  }
  return false;
}

Result<> set_opaque(const Fd& parent, const std::string& name) {
  // An overlay below us may keep the first name for itself.
  const auto set = posix::set_xattr_at(parent, name, "user.overlay.opaque", "y");
  if (!set && !whiteouts_are_stand_ins()) return set;
  return posix::set_xattr_at(parent, name, "user.fuseoverlayfs.opaque", "y");
}

bool is_control_xattr(std::string_view name) {
  return name.starts_with("user.overlay.") || name.starts_with("trusted.overlay.") ||
         name.starts_with("user.fuseoverlayfs.") || name.starts_with("user.ecrin.") ||
         name == "user.containers.override_stat";
}

Result<bool> has_root_mark(const Fd& layer) {
  return TRY(posix::get_xattr_at(layer, ".", k_root_mark)).has_value();
}

Result<> put_root_mark(const Fd& layer, RootMark mark) {
  if (mark == RootMark::present) return posix::set_xattr_at(layer, ".", k_root_mark, "1");
  if (!TRY(has_root_mark(layer))) return {};
  return posix::remove_xattr_at(layer, ".", k_root_mark);
}

}  // namespace ecrin::fs
