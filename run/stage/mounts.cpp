#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

Depth depth_of(const SetupOp& op) {
  return op.recursive ? Depth::recursive : Depth::one;
}

bool not_allowed_here(const Error& error) {
  return error.code() == EPERM || error.code() == EBUSY || error.code() == ENODEV || error.code() == EINVAL ||
         error.code() == EACCES || error.code() == ENOENT;
}

// File systems of the kernel's own files, or what stands for them: whoever owns the root directory could
// otherwise choose where they appear, and the masks elsewhere.
bool holds_kernel_files(const SetupOp& op) {
  return op.type == "proc" || op.type == "sysfs" || op.target == "proc" || op.target == "sys";
}

std::string next_name(Stage& stage) {
  return std::to_string(stage.scratch_files++);
}

Result<Fd> open_mount_point(const Stage& stage, const SetupOp& op, TargetKind kind) {
  if (!holds_kernel_files(op)) return open_target(stage, op.target, kind);
  auto place = posix::open_beneath_no_symlinks(stage.root, op.target, O_PATH);
  if (!place && place.error().code() == ENOENT) {
    TRY(open_target(stage, op.target, kind));
    place = posix::open_beneath_no_symlinks(stage.root, op.target, O_PATH);
  }
  if (!place && place.error().code() == ELOOP)
    return fail(
        ErrorKind::invalid,
        "the kernel's files must be mounted on ordinary directory: '/{}' in the container is a symlink",
        printable(op.target));
  if (place && TRY(kind_of(*place)) != kind)
    return fail(ErrorKind::invalid, "'/{}' in the container is not a directory", printable(op.target));
  return place;
}

Result<> remember_kernel_files(Stage& stage, const SetupOp& op, const Fd& mount) {
  const auto [parent, name] = split_last(op.target);
  if (!holds_kernel_files(op) || !parent.empty()) return {};
  std::erase_if(stage.kernel_files, [&](const auto& known) { return known.first == name; });
  stage.kernel_files.emplace_back(name, TRY(mount.duplicate()));
  return {};
}

Result<Fd> make_file_system(Stage& stage, const SetupOp& op) {
  NewMount wanted{
      .type = op.type, .source = op.source, .options = op.options, .attributes = op.attributes.set};
  if (op.type == "tmpfs" && std::ranges::none_of(op.options, [](const std::string& option) {
        return option.starts_with("mode=");
      })) {
    // A directory of the image keeps its mode: /var/tmp is for everybody, /root is not.
    const auto covered = open_existing(stage, op.target);
    if (covered)
      wanted.options.push_back(fmt::format("mode={:04o}", TRY(posix::stat_fd(*covered)).st_mode & 07777));
  }
  if (takes_new_calls(wanted)) return new_mount(wanted);
  return new_mount_by_path(stage.scratch, next_name(stage), wanted);
}

Result<> bind_from_host(Stage& stage, const SetupOp& op) {
  const Fd host = TRY(clone_mount(AT_FDCWD, op.host, Depth::recursive));
  SetupOp bind = op;
  // A mount of another user namespace keeps its times.
  bind.recursive_attributes.set |=
      op.attributes.set & ~std::uint64_t{MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME};
  if (op.type == "sysfs") bind.recursive_attributes.set |= MOUNT_ATTR_RDONLY;
  if (op.type == "proc") TRY(report(stage, StageMessage::host_proc));
  bind.recursive_attributes.clear = 0;
  bind.attributes = {};
  TRY(attach_as(stage, bind, host, TargetKind::directory));
  return remember_kernel_files(stage, op, host);
}

}  // namespace

Result<> attach_as(Stage& stage, const SetupOp& op, const Fd& mount, TargetKind kind) {
  const Fd target = TRY(open_mount_point(stage, op, kind));
  TRY(set_attributes(mount, op.attributes, Depth::one, op.target));
  TRY(set_attributes(mount, op.recursive_attributes, Depth::recursive, op.target));
  TRY(set_propagation(mount, op.propagation, op.target));
  return attach(mount, target, op.target);
}

Result<> mount_new(Stage& stage, const SetupOp& op) {
  auto mount = make_file_system(stage, op);
  if (mount) {
    const Fd target = TRY(open_mount_point(stage, op, TRY(kind_of(*mount))));
    if (op.copy_up) TRY(copy_up(target, *mount));
    TRY(set_attributes(*mount, op.recursive_attributes, Depth::recursive, op.target));
    TRY(set_propagation(*mount, op.propagation, op.target));
    TRY(attach(*mount, target, op.target));
    return remember_kernel_files(stage, op, *mount);
  }
  if (!not_allowed_here(mount.error()) || op.fallback == SetupFallback::none)
    return std::unexpected(std::move(mount).error());
  if (op.fallback == SetupFallback::bind_host) return bind_from_host(stage, op);
  // /sys/fs/cgroup: a kernel without cgroups has no such directory in its sysfs, and then nobody looks for
  // it.
  const auto target = open_target(stage, op.target, TargetKind::directory);
  if (!target) return {};
  return cover_with_empty_directory(stage, *target, op.target);
}

Result<> mount_bind(Stage& stage, const SetupOp& op) {
  const Fd source = op.descriptor ? Fd(*op.descriptor) : TRY(clone_mount(AT_FDCWD, op.source, depth_of(op)));
  TRY(attach_as(stage, op, source, TRY(kind_of(source))));
  return remember_kernel_files(stage, op, source);
}

Result<> mount_file(Stage& stage, const SetupOp& op) {
  const std::string name = next_name(stage);
  {
    const Fd file = TRY(posix::open_at(stage.scratch, name, O_CREAT | O_EXCL | O_WRONLY, 0644));
    TRY(posix::write_full(file, std::string_view(op.source)));
  }
  const Fd mount = TRY(clone_mount(stage.scratch.get(), name, Depth::one));
  return attach_as(stage, op, mount, TargetKind::file);
}

Result<> mount_own_cgroup(Stage& stage, const SetupOp& op) {
  constexpr std::uint64_t limit = 1u << 20;
  std::optional<std::string> own;
  // "4:memory:/path", of version 2 "0::/path"; this process is in the container's cgroup already.
  for (const std::string& line : split(TRY(posix::read_file("/proc/self/cgroup", limit)), '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == op.type) own = line.substr(second + 1);
  }
  if (!own || !own->starts_with(op.host) || own->starts_with("/.."))
    return fail(ErrorKind::system, "the cgroup of the container is not below '{}'", printable(op.source));
  const std::string rest = own->substr(op.host == "/" ? 0 : op.host.size());
  const Fd source = TRY(clone_mount(AT_FDCWD, op.source + rest, Depth::one));
  return attach_as(stage, op, source, TargetKind::directory);
}

Result<> remount(Stage& stage, const SetupOp& op) {
  const Fd target = TRY(open_existing(stage, op.target));
  if (!op.options.empty()) TRY(reconfigure(target, op.options, op.target));
  TRY(set_attributes(target, op.attributes, Depth::one, op.target));
  TRY(set_attributes(target, op.recursive_attributes, Depth::recursive, op.target));
  return set_propagation(target, op.propagation, op.target);
}

}  // namespace ecrin::run::stage
