#include "fs/mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::fs {

namespace {

// What the kernel says about a failed configuration: lines such as "e overlay: ...".
std::string kernel_log(const Fd& context) {
  std::string text;
  std::array<char, 512> line;
  for (;;) {
    const ssize_t size = ::read(context.get(), line.data(), line.size());
    if (size <= 0) return text;
    std::string_view message = trim(std::string_view(line.data(), static_cast<std::size_t>(size)));
    if (message.size() > 2 && message[1] == ' ') message.remove_prefix(2);
    text += fmt::format("{}{}", text.empty() ? " (" : "; ", printable(message));
  }
}

Error overlay_error(int code, const std::string& details) {
  Error error = Error::from_errno(
      code, fmt::format("cannot mount overlay{}", details.empty() ? details : details + ")"));
  switch (code) {
    case ENODEV:
      return std::move(error).hint("this kernel has no overlay file system, or its module is not loaded");
    case EPERM:
    case EINVAL:
      return std::move(error).hint(
          "overlay in a user namespace needs Linux 5.11 and a store on a file system that it can write to "
          "(ext4, xfs, btrfs, tmpfs)");
    case ELOOP:
      return std::move(error).hint("overlay directories may not overlap");
    default:
      return error;
  }
}

bool set_string(const Fd& context, const char* key, const Fd& directory) {
  // Values are cut at 256 bytes, and a path of the store may be longer: name the directory by its descriptor.
  return ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, posix::fd_path(directory).c_str(), 0) == 0;
}

bool set_flag(const Fd& context, const char* key) {
  return ::fsconfig(context.get(), FSCONFIG_SET_FLAG, key, nullptr, 0) == 0;
}

enum class Outcome { mounted, too_old };

Result<Outcome> mount_by_context(const OverlayParts& parts, const std::string& target) {
  const Fd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context) {
    if (errno == ENOSYS || errno == EPERM) return Outcome::too_old;  // also an old seccomp profile around us
    return std::unexpected(overlay_error(errno, ""));
  }
  for (const Fd& lower : parts.lowers) {
    if (set_string(context, "lowerdir+", lower)) continue;
    if (errno == EINVAL && &lower == &parts.lowers.front()) return Outcome::too_old;  // before Linux 6.7
    const int code = errno;
    return std::unexpected(overlay_error(code, kernel_log(context)));
  }
  bool good = set_flag(context, "userxattr");
  if (parts.is_mixed) good = good && ::fsconfig(context.get(), FSCONFIG_SET_STRING, "xino", "on", 0) == 0;
  if (good && parts.upper) {
    good = set_string(context, "upperdir", parts.upper) && set_string(context, "workdir", parts.work) &&
           set_flag(context, "volatile");
  }
  good = good && ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  if (!good) {
    const int code = errno;
    const std::string log = kernel_log(context);
    // Before Linux 6.5 the context takes every option, and overlay knows none with "+" when it is made.
    if (code == EINVAL && log.empty()) return Outcome::too_old;
    return std::unexpected(overlay_error(code, log));
  }
  const Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) {
    const int code = errno;
    return std::unexpected(overlay_error(code, kernel_log(context)));
  }
  if (::move_mount(mount.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    return fail_errno("cannot attach an overlay at '{}'", printable(target));
  }
  return Outcome::mounted;
}

// mount(2), whose options must fit one page: descriptors keep 127 layers far below that.
Result<> mount_by_string(const OverlayParts& parts, const std::string& target) {
  std::string options = parts.is_mixed ? "userxattr,xino=on,lowerdir=" : "userxattr,lowerdir=";
  for (const Fd& lower : parts.lowers) {
    if (&lower != &parts.lowers.front()) options += ':';
    options += posix::fd_path(lower);
  }
  if (parts.upper) {
    options += fmt::format(",volatile,upperdir={},workdir={}", posix::fd_path(parts.upper),
                           posix::fd_path(parts.work));
  }
  if (options.size() >= 4096) {
    return fail(ErrorKind::limit, "this kernel cannot mount {} layers at once", parts.lowers.size());
  }
  if (::mount("overlay", target.c_str(), "overlay", 0, options.c_str()) < 0) {
    return std::unexpected(overlay_error(errno, ""));
  }
  return {};
}

}  // namespace

Mounted::~Mounted() {
  if (m_path.empty()) return;
  if (::umount2(m_path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
    log::debug("cannot unmount '{}': errno {}", printable(m_path), errno);
  }
}

Result<> Mounted::unmount() {
  if (m_path.empty()) return {};
  const std::string path = std::exchange(m_path, {});
  if (::umount2(path.c_str(), UMOUNT_NOFOLLOW) == 0) return {};
  if (errno != EBUSY) return fail_errno("cannot unmount '{}'", printable(path));
  log::debug("'{}' is still in use and was detached", printable(path));
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return {};
  return fail_errno("cannot unmount '{}'", printable(path));
}

Result<Mounted> mount_overlay(const OverlayParts& parts, const std::string& target) {
  constexpr std::size_t k_most_layers = 500;  // OVL_MAX_STACK of the kernel
  if (parts.lowers.size() > k_most_layers) {
    auto error = Error(ErrorKind::limit, fmt::format("an overlay has {} layers at most, and this tree has {}",
                                                     k_most_layers, parts.lowers.size()));
    return std::unexpected(std::move(error).hint("put steps together, so that they make fewer layers"));
  }
  if (TRY(mount_by_context(parts, target)) == Outcome::too_old) TRY(mount_by_string(parts, target));
  return Mounted(target);
}

}  // namespace ecrin::fs
