// Detached mounts (open_tree, fsmount) are made, adjusted, and attached by descriptor: no path inside the
// root is resolved twice, and a mount that was not attached goes away with its descriptor.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr std::size_t k_longest_value = 256;  // of fsconfig(2)
constexpr std::size_t k_page = 4096;          // of mount(2)'s strings
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

Result<> configure(const Fd& context, const std::vector<std::string>& options, const std::string& what) {
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    const int outcome = equals == std::string::npos
                            ? ::fsconfig(context.get(), FSCONFIG_SET_FLAG, option.c_str(), nullptr, 0)
                            : ::fsconfig(context.get(), FSCONFIG_SET_STRING, option.substr(0, equals).c_str(),
                                         option.c_str() + equals + 1, 0);
    if (outcome == 0) continue;
    const int code = errno;
    return mount_failure(
        code, fmt::format("{} with the option '{}'{}", what, printable(option), context_messages(context)));
  }
  return {};
}

int change(const Fd& mount, const AttributeChange& attributes, unsigned flags) {
  mount_attr wanted{};
  wanted.attr_set = attributes.set;
  wanted.attr_clr = attributes.clear;
  return ::mount_setattr(mount.get(), "", flags, &wanted, sizeof wanted);
}

}  // namespace

bool takes_new_calls(const NewMount& wanted) {
  const auto fits = [](const std::string& text) { return text.size() < k_longest_value; };
  return fits(wanted.source) && std::ranges::all_of(wanted.options, [&](const std::string& option) {
           const std::size_t equals = option.find('=');
           return equals == std::string::npos ? fits(option) : option.size() - equals - 1 < k_longest_value;
         });
}

Result<Fd> new_mount(const NewMount& wanted) {
  const std::string what = fmt::format("cannot make a {} file system", printable(wanted.type));
  const Fd context(::fsopen(wanted.type.c_str(), FSOPEN_CLOEXEC));
  if (!context) {
    const int code = errno;
    auto error = mount_failure(code, what);
    if (code != ENODEV) return error;
    return std::unexpected(std::move(error).error().hint("this kernel has no file system of that name"));
  }
  const std::string& source = wanted.source.empty() ? wanted.type : wanted.source;
  int outcome = ::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", source.c_str(), 0);
  if (outcome == 0) TRY(configure(context, wanted.options, what));
  if (outcome == 0) outcome = ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  if (outcome == 0) {
    Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(wanted.attributes)));
    if (mount) return mount;
  }
  const int code = errno;
  return mount_failure(code, what + context_messages(context));
}

Result<Fd> new_mount_by_path(const Fd& directory, const std::string& name, const NewMount& wanted) {
  const std::string what = fmt::format("cannot make a {} file system", printable(wanted.type));
  const std::string options = join(wanted.options, ",");
  if (options.size() >= k_page || wanted.source.size() >= k_page)
    return fail(ErrorKind::limit, "{}: its options are longer than the {} bytes that mount(2) takes", what,
                k_page - 1);
  TRY(posix::mkdir_at(directory, name, 0755));
  const Fd place = TRY(posix::open_at(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  // The stage has one thread and no working directory of its own.
  if (::fchdir(place.get()) != 0) return fail_errno("cannot enter a directory of the stage");
  const std::string& source = wanted.source.empty() ? wanted.type : wanted.source;
  if (::mount(source.c_str(), ".", wanted.type.c_str(), 0, options.c_str()) != 0)
    return mount_failure(errno, what);
  const Fd mounted = TRY(posix::open_at(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  Fd detached = TRY(clone_mount(mounted.get(), "", Depth::one));
  TRY(set_attributes(detached, {.set = wanted.attributes, .clear = 0}, Depth::one, name));
  return detached;
}

Result<> reconfigure(const Fd& target, const std::vector<std::string>& options, const std::string& where) {
  const std::string what = fmt::format("cannot change the file system on '/{}'", printable(where));
  const Fd context(::fspick(target.get(), "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
  if (!context) return mount_failure(errno, what);
  TRY(configure(context, options, what));
  if (::fsconfig(context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) == 0) return {};
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

Result<> set_attributes(const Fd& mount, const AttributeChange& attributes, Depth depth,
                        const std::string& where) {
  if (attributes.empty()) return {};
  const unsigned flags = depth == Depth::recursive ? AT_EMPTY_PATH | AT_RECURSIVE : AT_EMPTY_PATH;
  if (change(mount, attributes, flags) == 0) return {};
  const int code = errno;
  if (code == EPERM) {
    // "rw" and "relatime" are what tools write when nobody asked for anything. Where the kernel keeps a mount
    // of another user namespace read-only, they ask for nothing.
    AttributeChange needed = attributes;
    needed.clear &= ~std::uint64_t{MOUNT_ATTR_RDONLY};
    if ((needed.set & MOUNT_ATTR__ATIME) == 0) needed.clear &= ~std::uint64_t{MOUNT_ATTR__ATIME};
    if (needed.empty() || (needed != attributes && change(mount, needed, flags) == 0)) return {};
  }
  auto error = mount_failure(
      code,
      fmt::format("cannot set the attributes of the mount on '/{}' in the container", printable(where)));
  if (code != EPERM) return error;
  return std::unexpected(
      std::move(error).error().hint("what the mount has on the host (nosuid, nodev, noexec, the kind of "
                                    "access times) stays with it in a user "
                                    "namespace"));
}

Result<> set_propagation(const Fd& mount, const std::vector<std::uint64_t>& kinds, const std::string& where) {
  for (const std::uint64_t kind : kinds) {
    mount_attr wanted{};
    wanted.propagation = kind & ~std::uint64_t{MS_REC};
    const unsigned flags = kind & MS_REC ? AT_EMPTY_PATH | AT_RECURSIVE : AT_EMPTY_PATH;
    if (::mount_setattr(mount.get(), "", flags, &wanted, sizeof wanted) != 0)
      return mount_failure(
          errno,
          fmt::format("cannot set the propagation of the mount on '/{}' in the container", printable(where)));
  }
  return {};
}

}  // namespace ecrin::run::stage
