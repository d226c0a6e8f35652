#include "fs/metadata.hpp"

#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "fs/file_io.hpp"
#include "fs/whiteout.hpp"

namespace ecrin::fs {

namespace {

bool goes_along(XattrScope scope, const posix::Xattr& xattr) {
  const std::string_view name = xattr.name;
  if (xattr.value.empty() || name.find('=') != std::string_view::npos || is_control_xattr(name)) return false;
  if (name.starts_with("user.")) return true;
  return scope == XattrScope::layer && (name == "security.capability" || name == "system.posix_acl_access" ||
                                        name == "system.posix_acl_default");
}

bool is_unsupported(const Error& error) {
  return error.code() == EPERM || error.code() == EACCES || error.code() == ENOTSUP || error.code() == EINVAL;
}

// What became of an attribute: not every file has to keep every one.
Result<> settle(const posix::Xattr& xattr, std::string_view file, Result<> result) {
  if (result || xattr.name.starts_with("user.") || !is_unsupported(result.error())) return result;
  log::debug("{} loses its attribute {}: {}", file, printable(xattr.name), result.error().message());
  return {};
}

}  // namespace

std::vector<posix::Xattr> in_scope(XattrScope scope, std::vector<posix::Xattr> xattrs) {
  if (scope == XattrScope::all) return xattrs;
  std::erase_if(xattrs, [&](const posix::Xattr& xattr) { return !goes_along(scope, xattr); });
  return xattrs;
}

Result<std::vector<posix::Xattr>> layer_xattrs_at(const Fd& directory, const std::string& name,
                                                  const struct stat& status) {
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return std::vector<posix::Xattr>{};
  return in_scope(XattrScope::layer, TRY(posix::list_xattrs_at(directory, name)));
}

Result<> set_xattrs_at(const Fd& directory, const std::string& name, std::span<const posix::Xattr> xattrs) {
  for (const posix::Xattr& xattr : xattrs)
    TRY(settle(xattr, printable(name), posix::set_xattr_at(directory, name, xattr.name, xattr.value)));
  return {};
}

Result<> set_xattrs(const Fd& file, std::span<const posix::Xattr> xattrs) {
  for (const posix::Xattr& xattr : xattrs) {
    Result<> result;
    if (::fsetxattr(file.get(), xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0) != 0)
      result = fail_errno("cannot set the attribute '{}' of a file", printable(xattr.name));
    TRY(settle(xattr, "a file", std::move(result)));
  }
  return {};
}

Result<> set_times(const Fd& file, struct timespec mtime) {
  const struct timespec times[2] = {mtime, mtime};
  if (::futimens(file.get(), times) != 0) return fail_errno("cannot set the times of a file");
  return {};
}

Result<> copy_metadata(const Fd& from, const std::string& from_name, const struct stat& status, const Fd& to,
                       const std::string& to_name, XattrScope scope) {
  const bool is_root = ::geteuid() == 0;
  auto owner = set_owner_at(to, to_name, status.st_uid, status.st_gid);
  if (!owner && (is_root || owner.error().code() != EPERM)) return owner;
  if (!S_ISLNK(status.st_mode)) TRY(posix::chmod_at(to, to_name, status.st_mode & 07777));
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
    TRY(set_xattrs_at(to, to_name, in_scope(scope, TRY(posix::list_xattrs_at(from, from_name)))));
  }
  return posix::set_times_at(to, to_name, status.st_mtim);
}

Result<> copy_node(const Fd& from, const std::string& name, const struct stat& status, const Fd& to,
                   XattrScope scope) {
  if (S_ISREG(status.st_mode)) {
    const Fd source = TRY(posix::open_at(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    Fd target = TRY(posix::open_at(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(posix::copy_file_data(source, target, static_cast<std::uint64_t>(status.st_size)));
    TRY(target.close());
  } else if (S_ISLNK(status.st_mode)) {
    TRY(posix::symlink_at(TRY(posix::readlink_at(from, name)), to, name));
  } else {
    TRY(make_node_at(to, name, status.st_mode & (S_IFMT | 0600), status.st_rdev));
    if (is_whiteout(status)) return {};
  }
  return copy_metadata(from, name, status, to, name, scope);
}

Result<RootMetadata> root_metadata(const Fd& directory) {
  const struct stat status = TRY(status_of(directory));
  auto xattrs = TRY(layer_xattrs_at(directory, ".", status));
  return RootMetadata{.mode = status.st_mode & 07777,
                      .uid = status.st_uid,
                      .gid = status.st_gid,
                      .xattrs = std::move(xattrs)};
}

Result<> set_root_metadata(const Fd& directory, const RootMetadata& metadata) {
  const RootMetadata current = TRY(root_metadata(directory));
  if (current == metadata) return {};
  for (const posix::Xattr& xattr : current.xattrs) {
    TRY(posix::remove_xattr_at(directory, ".", xattr.name));
  }
  if (current.uid != metadata.uid || current.gid != metadata.gid) {
    TRY(set_owner_at(directory, ".", metadata.uid, metadata.gid));
  }
  TRY(posix::chmod_at(directory, ".", metadata.mode));
  return set_xattrs_at(directory, ".", metadata.xattrs);
}

std::int64_t clamped_mtime(const struct stat& status, std::int64_t epoch) {
  return std::min<std::int64_t>(status.st_mtim.tv_sec, epoch);
}

Result<bool> same_state(const Node& first, const Node& second, std::int64_t epoch, ContentCheck content) {
  const struct stat& a = first.status;
  const struct stat& b = second.status;
  const mode_t type = a.st_mode & S_IFMT;
  if (a.st_mode != b.st_mode || a.st_uid != b.st_uid || a.st_gid != b.st_gid) return false;
  if (type != S_IFDIR && clamped_mtime(a, epoch) != clamped_mtime(b, epoch)) return false;
  if ((type == S_IFCHR || type == S_IFBLK) && a.st_rdev != b.st_rdev) return false;
  if (type == S_IFLNK) {
    return TRY(posix::readlink_at(first.directory, first.name)) ==
           TRY(posix::readlink_at(second.directory, second.name));
  }
  if (type == S_IFREG && a.st_size != b.st_size) return false;
  if (TRY(layer_xattrs_at(first.directory, first.name, a)) !=
      TRY(layer_xattrs_at(second.directory, second.name, b))) {
    return false;
  }
  if (type != S_IFREG || content == ContentCheck::skip || a.st_size == 0) return true;
  constexpr int k_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  return same_content(TRY(posix::open_at(first.directory, first.name, k_flags)),
                      TRY(posix::open_at(second.directory, second.name, k_flags)),
                      static_cast<std::uint64_t>(a.st_size));
}

}  // namespace ecrin::fs
