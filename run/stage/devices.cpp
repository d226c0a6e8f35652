// Device nodes. Only the host's administrator may make them; everybody else gets the host's, bound.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr std::uint64_t k_uevent_limit = 64 * 1024;

bool is_node(const struct stat& status, const DeviceNode& node) {
  if ((status.st_mode & S_IFMT) != (node.mode & S_IFMT)) return false;
  return S_ISFIFO(node.mode) || status.st_rdev == makedev(node.major, node.minor);
}

// Where the host has the device: usually at the same path, else where the kernel says that its node is.
Result<std::optional<Fd>> find_on_host(const SetupOp& op) {
  const auto take = [&](const std::string& path) -> std::optional<Fd> {
    auto found = clone_mount(AT_FDCWD, path, Depth::one);
    if (!found) return std::nullopt;
    // The copy is looked at, not the name.
    const auto status = posix::stat_fd(*found);
    if (!status || !is_node(*status, *op.node)) return std::nullopt;
    return std::move(*found);
  };
  if (auto found = take(op.source)) return found;
  const auto event =
      posix::read_file(fmt::format("/sys/dev/{}/{}:{}/uevent", S_ISBLK(op.node->mode) ? "block" : "char",
                                   op.node->major, op.node->minor),
                       k_uevent_limit);
  if (!event) return std::nullopt;
  for (const std::string& line : split(*event, '\n'))
    if (line.starts_with("DEVNAME=")) return take("/dev/" + line.substr(8));
  return std::nullopt;
}

Result<> bind_from_host(Stage& stage, const SetupOp& op) {
  const std::optional<Fd> source = TRY(find_on_host(op));
  if (source) {
    // A device is neither executed nor a program of another user. (The container may not take that off
    // again.)
    SetupOp inert = op;
    inert.attributes.set |= MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    return attach_as(stage, inert, *source, TargetKind::file);
  }
  if (!op.node->required) return {};
  auto error =
      fail(ErrorKind::unsupported,
           "this user may not make the device {}:{} for '/{}' in the container, and the host has none",
           op.node->major, op.node->minor, printable(op.target));
  return std::unexpected(std::move(error).error().hint(
      "without privileges a device can only be taken over from the host's /dev"));
}

Result<> set_owner_and_mode(const Fd& parent, const std::string& name, const SetupOp& op) {
  const DeviceNode& node = *op.node;
  if (node.uid != 0 || node.gid != 0) TRY(posix::chown_at(parent, name, node.uid, node.gid));
  return posix::chmod_at(parent, name, node.mode & 07777);
}

}  // namespace

Result<> make_device(Stage& stage, const SetupOp& op) {
  const DeviceNode& node = *op.node;
  const auto [directory, name] = split_last(op.target);
  const Fd parent = TRY(open_target(stage, directory, TargetKind::directory));
  if (TRY(posix::exists_at(parent, name)) == posix::Exists::yes) {
    const struct stat status = TRY(posix::lstat_at(parent, name));
    // What was bound there, or what the image has.
    if (is_node(status, node)) {
      // A bound one is the host's, and stays as it is.
      if (TRY(mount_id(TRY(posix::open_at(parent, name, O_PATH | O_NOFOLLOW)))) != TRY(mount_id(parent)))
        return {};
      const bool as_wanted = (status.st_mode & 07777) == (node.mode & 07777) && status.st_uid == node.uid &&
                             status.st_gid == node.gid;
      return as_wanted || !node.required ? Result<>() : set_owner_and_mode(parent, name, op);
    }
    if (node.required && !S_ISREG(status.st_mode))
      return fail(ErrorKind::invalid, "'/{}' in the container exists and is not the device {}:{}",
                  printable(op.target), node.major, node.minor);
    return bind_from_host(stage, op);
  }
  auto made =
      posix::mknod_at(parent, name, node.mode, S_ISFIFO(node.mode) ? 0 : makedev(node.major, node.minor));
  if (made) return set_owner_and_mode(parent, name, op);
  if (made.error().code() != EPERM) return made;
  return bind_from_host(stage, op);
}

}  // namespace ecrin::run::stage
