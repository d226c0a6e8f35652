// Detached mounts (open_tree, fsmount) are made, adjusted, and attached by descriptor: no path inside the
// root is resolved twice, and a mount that was not attached goes away with its descriptor.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr const char* k_old_kernel = "ecrin needs Linux 5.12 or newer to start containers";

std::unexpected<Error> mount_failure(int code, const std::string& what) {
  auto error = Error::from_errno(code, what);
  if (code == ENOSYS)
    return std::unexpected(Error(ErrorKind::unsupported, error.message()).hint(k_old_kernel));
  if (code == ENOSPC)  // not the disk: mount_namespaces(7)
    return std::unexpected(
        std::move(error).hint("the limit of mounts is reached: see /proc/sys/fs/mount-max"));
  return std::unexpected(std::move(error));
}

// fsopen(2): what the file system has to say about a failure can be read from its descriptor.
std::string context_messages(const Fd& context) {
  std::array<char, 1024> buffer{};
  std::string text;
  for (ssize_t size = 0; (size = ::read(context.get(), buffer.data(), buffer.size())) > 0;) {
    std::string_view line(buffer.data(), static_cast<std::size_t>(size));
    if (line.starts_with("e ")) line.remove_prefix(2);
    text += fmt::format(" ({})", printable(trim(line)));
  }
  return text;
}

}  // namespace

Result<Fd> new_mount(const std::string& type, const std::vector<std::string>& options,
                     std::uint64_t attributes) {
  const std::string what = fmt::format("cannot make a {} file system", type);
  const Fd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context) return mount_failure(errno, what);
  int outcome = ::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", type.c_str(), 0);
  for (const std::string& option : options) {
    if (outcome != 0) break;
    const std::size_t equals = option.find('=');
    outcome = equals == std::string::npos
                  ? ::fsconfig(context.get(), FSCONFIG_SET_FLAG, option.c_str(), nullptr, 0)
                  : ::fsconfig(context.get(), FSCONFIG_SET_STRING, option.substr(0, equals).c_str(),
                               option.c_str() + equals + 1, 0);
    if (outcome != 0) {
      const int code = errno;
      return mount_failure(
          code, fmt::format("{} with the option '{}'{}", what, printable(option), context_messages(context)));
    }
  }
  if (outcome == 0) outcome = ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (outcome == 0) {
    Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
    if (mount) return mount;
  }
  const int code = errno;
  return mount_failure(code, what + context_messages(context));
}

Result<Fd> clone_mount(int directory, const std::string& path, Depth depth) {
  constexpr unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  Fd mount(::open_tree(directory, path.c_str(), depth == Depth::recursive ? flags | AT_RECURSIVE : flags));
  // A mount that came with the user namespace may not be separated from the mounts that hide parts of it.
  if (!mount && errno == EINVAL && depth == Depth::one)
    mount = Fd(::open_tree(directory, path.c_str(), flags | AT_RECURSIVE));
  if (!mount) return mount_failure(errno, fmt::format("cannot bind '{}'", printable(path)));
  return mount;
}

Result<> attach(const Fd& mount, const Fd& target, const std::string& where) {
  if (::move_mount(mount.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
    return {};
  return mount_failure(errno, fmt::format("cannot mount on '/{}' in the container", printable(where)));
}

Result<> set_attributes(const Fd& mount, std::uint64_t attributes, std::uint64_t propagation, Depth depth,
                        const std::string& where) {
  if (attributes == 0 && propagation == 0) return {};
  mount_attr wanted{};
  wanted.attr_set = attributes;  // only ever adds: attributes that the kernel has locked stay
  wanted.propagation = propagation;
  const unsigned flags = depth == Depth::recursive ? AT_EMPTY_PATH | AT_RECURSIVE : AT_EMPTY_PATH;
  if (::mount_setattr(mount.get(), "", flags, &wanted, sizeof wanted) == 0) return {};
  return mount_failure(errno, fmt::format("cannot set the attributes of the mount on '/{}' in the container",
                                          printable(where)));
}

}  // namespace ecrin::run::stage
