// What a container may not see or change, and what of the kernel's settings is changed for it.
//
// The targets are looked up in the mounts that the stage made itself (open_existing), and what is put over
// them is checked to be what it should be: a mask that is something else would be a hole.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr AttributeChange k_inert = {
    .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, .clear = 0};
// A device on a mount with nodev cannot be opened; read-only, so that nobody changes its mode.
constexpr AttributeChange k_inert_device = {.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                                            .clear = 0};

// What is not there, or not within reach, needs no mask.
bool is_absent(const Error& error) {
  return error.kind() == ErrorKind::not_found || error.code() == ENOTDIR;
}

// The host's: the container's own /dev/null might be anything.
Result<Fd> null_device() {
  Fd null = TRY(clone_mount(AT_FDCWD, "/dev/null", Depth::one));
  const struct stat status = TRY(posix::stat_fd(null));
  if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
    return fail(ErrorKind::denied, "'/dev/null' of the host is not the device that hides files");
  return null;
}

}  // namespace

Result<> cover_with_empty_directory(Stage& stage, const Fd& target, const std::string& where) {
  const Fd empty = TRY(clone_mount(stage.scratch.get(), "empty", Depth::one));
  TRY(set_attributes(empty, k_inert, Depth::one, where));
  return attach(empty, target, where);
}

Result<> mount_mask(Stage& stage, const SetupOp& op) {
  const auto target = open_existing(stage, op.target);
  if (!target) return is_absent(target.error()) ? Result<>() : std::unexpected(target.error());
  if (TRY(kind_of(*target)) == TargetKind::directory)
    return cover_with_empty_directory(stage, *target, op.target);
  const Fd null = TRY(null_device());
  TRY(set_attributes(null, k_inert_device, Depth::one, op.target));
  return attach(null, *target, op.target);
}

Result<> make_read_only(Stage& stage, const SetupOp& op) {
  const auto target = open_existing(stage, op.target);
  if (!target) return is_absent(target.error()) ? Result<>() : std::unexpected(target.error());
  const Fd copy = TRY(clone_mount(target->get(), "", Depth::recursive));
  TRY(set_attributes(copy, {.set = MOUNT_ATTR_RDONLY, .clear = 0}, Depth::recursive, op.target));
  return attach(copy, *target, op.target);
}

Result<> set_sysctl(Stage& stage, const SetupOp& op) {
  const auto proc = std::ranges::find(stage.kernel_files, "proc", &std::pair<std::string, Fd>::first);
  if (proc == stage.kernel_files.end())
    return fail(ErrorKind::invalid, "kernel settings need a procfs on '/proc' in the container");
  const auto file = posix::open_beneath_no_symlinks(proc->second, "sys/" + op.target, O_WRONLY);
  if (!file) {
    Error error = Error::from_errno(file.error().code(),
                                    fmt::format("cannot open '/proc/sys/{}'", printable(op.target)));
    return std::unexpected(
        std::move(error).hint("only settings of the container's own namespaces can be changed"));
  }
  struct statfs file_system {};
  if (::fstatfs(file->get(), &file_system) != 0 || file_system.f_type != PROC_SUPER_MAGIC)
    return fail(ErrorKind::invalid, "'/proc/sys/{}' in the container is no kernel setting",
                printable(op.target));
  TRY_WHILE(posix::write_full(*file, std::string_view(op.source)), "writing '{}'", printable(op.source));
  return {};
}

}  // namespace ecrin::run::stage
