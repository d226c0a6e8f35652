#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr std::uint64_t k_inert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr const char* k_empty_directory = "empty";

Result<TargetKind> kind_of(const Fd& fd) {
  return S_ISDIR(TRY(posix::stat_fd(fd)).st_mode) ? TargetKind::directory : TargetKind::file;
}

Depth depth_of(const SetupOp& op) {
  return op.recursive ? Depth::recursive : Depth::one;
}

Result<> attach_with_attributes(Stage& stage, const SetupOp& op, const Fd& mount, TargetKind kind) {
  const Fd target = TRY(open_target(stage, op.target, kind));
  TRY(set_attributes(mount, op.attributes, op.propagation, depth_of(op), op.target));
  return attach(mount, target, op.target);
}

// Something read-only and empty, for a target that may be missing.
Result<> cover_with_empty_directory(Stage& stage, const Fd& target, const std::string& where) {
  const Fd empty = TRY(clone_mount(stage.scratch.get(), k_empty_directory, Depth::one));
  TRY(set_attributes(empty, k_inert | MOUNT_ATTR_RDONLY, 0, Depth::one, where));
  return attach(empty, target, where);
}

bool not_allowed_here(const Error& error) {
  return error.code() == EPERM || error.code() == EBUSY || error.code() == ENODEV || error.code() == EINVAL ||
         error.code() == EACCES || error.code() == ENOENT;
}

}  // namespace

Result<> enter_root(Stage& stage, const SetupOp& op) {
  // Nothing that is mounted here may spread to the host, whatever the parent's namespace looked like.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("cannot make the mounts of the container private");
  const Fd place = TRY(posix::open(op.source, O_PATH | O_DIRECTORY));
  stage.root = TRY(clone_mount(place.get(), "", Depth::recursive));
  // Before Linux 6.15 files can be bound out of a mount only while it is attached somewhere. Below the root
  // it is out of the container's sight, and pivot_root takes it away.
  stage.scratch = TRY(new_mount("tmpfs", {"mode=0755"}, k_inert));
  TRY(attach(stage.scratch, place, ""));
  TRY(attach(stage.root, stage.scratch, ""));
  TRY(posix::mkdir_at(stage.scratch, k_empty_directory, 0755));
  stage.root_mount = TRY(mount_id(stage.root));
  return {};
}

Result<> mount_new(Stage& stage, const SetupOp& op) {
  auto mount = new_mount(op.type, op.options, op.attributes);
  if (mount) {
    const Fd target = TRY(open_target(stage, op.target, TargetKind::directory));
    TRY(set_attributes(*mount, 0, op.propagation, Depth::one, op.target));
    return attach(*mount, target, op.target);
  }
  if (!not_allowed_here(mount.error()) || op.fallback == SetupFallback::none)
    return std::unexpected(std::move(mount).error());
  if (op.fallback == SetupFallback::bind_host) {
    const Fd host = TRY(clone_mount(AT_FDCWD, op.source, Depth::recursive));
    SetupOp bind = op;
    bind.recursive = true;
    bind.attributes |= MOUNT_ATTR_RDONLY;
    return attach_with_attributes(stage, bind, host, TargetKind::directory);
  }
  // /sys/fs/cgroup: a kernel without cgroups has no such directory in its sysfs, and then nobody looks for
  // it.
  const auto target = open_target(stage, op.target, TargetKind::directory);
  if (!target) return {};
  return cover_with_empty_directory(stage, *target, op.target);
}

Result<> mount_bind(Stage& stage, const SetupOp& op) {
  const Fd source = op.descriptor ? Fd(*op.descriptor) : TRY(clone_mount(AT_FDCWD, op.source, depth_of(op)));
  return attach_with_attributes(stage, op, source, TRY(kind_of(source)));
}

Result<> mount_device(Stage& stage, const SetupOp& op) {
  struct stat status {};
  if (::stat(op.source.c_str(), &status) != 0 || !S_ISCHR(status.st_mode)) return {};
  const Fd source = TRY(clone_mount(AT_FDCWD, op.source, Depth::one));
  return attach_with_attributes(stage, op, source, TargetKind::file);
}

Result<> mount_file(Stage& stage, const SetupOp& op) {
  const std::string name = std::to_string(stage.scratch_files++);
  {
    const Fd file = TRY(posix::open_at(stage.scratch, name, O_CREAT | O_EXCL | O_WRONLY, 0644));
    TRY(posix::write_full(file, std::string_view(op.source)));
  }
  const Fd mount = TRY(clone_mount(stage.scratch.get(), name, Depth::one));
  return attach_with_attributes(stage, op, mount, TargetKind::file);
}

Result<> mount_mask(Stage& stage, const SetupOp& op) {
  const auto target = posix::open_in_root(stage.root, op.target, O_PATH);
  if (!target) {
    // What is not there, or not within reach, needs no mask.
    if (target.error().kind() == ErrorKind::not_found || target.error().code() == ENOTDIR) return {};
    return std::unexpected(target.error());
  }
  if (TRY(kind_of(*target)) == TargetKind::directory)
    return cover_with_empty_directory(stage, *target, op.target);
  // The host's: the container's own /dev/null might be anything.
  const Fd null = TRY(clone_mount(AT_FDCWD, "/dev/null", Depth::one));
  return attach(null, *target, op.target);
}

Result<> make_read_only(Stage& stage, const SetupOp& op) {
  const auto target = posix::open_in_root(stage.root, op.target, O_PATH);
  if (!target) {
    if (target.error().kind() == ErrorKind::not_found || target.error().code() == ENOTDIR) return {};
    return std::unexpected(target.error());
  }
  const Fd copy = TRY(clone_mount(target->get(), "", Depth::recursive));
  TRY(set_attributes(copy, MOUNT_ATTR_RDONLY, 0, Depth::recursive, op.target));
  return attach(copy, *target, op.target);
}

Result<> make_root_read_only(Stage& stage) {
  return set_attributes(stage.root, MOUNT_ATTR_RDONLY, 0, Depth::one, "");
}

Result<> pivot(Stage& stage) {
  if (::fchdir(stage.root.get()) != 0) return fail_errno("cannot enter the root directory of the container");
  // pivot_root(2), "pivot_root(".", ".")": the old root lies on top of the new one, and is taken off again.
  if (::syscall(SYS_pivot_root, ".", ".") != 0)
    return fail_errno("cannot make the root directory of the container the root");
  if (::umount2(".", MNT_DETACH) != 0) return fail_errno("cannot leave the host's root directory");
  if (::chdir("/") != 0) return fail_errno("cannot enter the root directory of the container");
  stage.root.reset();
  stage.scratch.reset();
  return {};
}

}  // namespace ecrin::run::stage
