// The root directory of the container: how it is entered, and how it becomes "/".
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr std::uint64_t k_inert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t k_mounts_limit = 64u << 20;

bool follows_the_host(const SetupOp& op) {
  return !op.propagation.empty() && (op.propagation.front() & (MS_SLAVE | MS_SHARED));
}

struct HostMount {
  std::uint64_t id = 0;
  std::string point;
  std::string type;
};

Result<std::vector<HostMount>> list_mounts() {
  std::vector<HostMount> mounts;
  for (const std::string& line : split(TRY(posix::read_file("/proc/self/mountinfo", k_mounts_limit)), '\n')) {
    const std::size_t border = line.find(" - ");
    const std::vector<std::string> fields = split(line, ' ');
    if (border == std::string::npos || fields.size() < 5) continue;
    const auto id = parse_unsigned(fields[0], UINT64_MAX);
    mounts.push_back({.id = id ? *id : 0,
                      .point = unescape_mount_field(fields[4]),
                      .type = line.substr(border + 3, line.find(' ', border + 3) - border - 3)});
  }
  return mounts;
}

// Mounts of procfs and sysfs that the root directory does not hide are reason enough for the kernel to allow
// new ones, unmasked, in user namespaces of the container. Where pivot_root(2) does not take them away, they
// are taken off, or covered where they came from another user namespace.
Result<> hide_kernel_files(const Stage& stage) {
  const std::vector<HostMount> mounts = TRY(list_mounts());
  const std::uint64_t own = TRY(mount_id(stage.scratch));
  const auto scratch = std::ranges::find(mounts, own, &HostMount::id);
  if (scratch == mounts.end()) return fail(ErrorKind::system, "cannot find the mounts of the container");
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) {
    if (mount->type != "proc" && mount->type != "sysfs") continue;
    if (mount->point.starts_with(scratch->point + (scratch->point == "/" ? "" : "/"))) continue;
    if (::umount2(mount->point.c_str(), MNT_DETACH) == 0 || errno == ENOENT) continue;
    if (::mount("tmpfs", mount->point.c_str(), "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                nullptr) != 0)
      return fail_errno("cannot hide '{}' of the host from the container", printable(mount->point));
  }
  return {};
}

// Then its mounts are others' too: none of them may be taken away.
bool has_others_mounts(const Stage& stage) {
  if (stage.plan.shares_mounts) return true;
  const auto& joined = stage.plan.entry.joined;
  return std::ranges::any_of(joined, [](const auto& entry) { return entry.kind == CLONE_NEWNS; });
}

// The root that the kernel began with, an initramfs, cannot be put aside.
bool on_first_root() {
  const auto mounts = list_mounts();
  return mounts && std::ranges::any_of(*mounts, [](const HostMount& mount) {
           return mount.point == "/" && mount.type == "rootfs";
         });
}

// In the root directory already.
Result<> leave_mounts(Stage& stage) {
  if (::chroot(".") != 0) return fail_errno("cannot make the root directory of the container the root");
  if (::chdir("/") != 0) return fail_errno("cannot enter the root directory of the container");
  stage.root.reset();
  stage.scratch.reset();
  stage.kernel_files.clear();
  return {};
}

}  // namespace

Result<> enter_root(Stage& stage, const SetupOp& op) {
  const Fd place = TRY(posix::open(op.source, O_PATH | O_DIRECTORY));
  if (follows_the_host(op)) {
    // Taken before the mounts below become private, so that what the host mounts later is seen.
    stage.root = TRY(clone_mount(place.get(), "", Depth::recursive));
    TRY(set_propagation(stage.root, {MS_SLAVE | MS_REC}, ""));
  }
  // Nothing that is mounted here may spread to the host, whatever the parent's namespace looked like.
  if (!has_others_mounts(stage) && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("cannot make the mounts of the container private");
  if (!stage.root) stage.root = TRY(clone_mount(place.get(), "", Depth::recursive));
  // Before Linux 6.15 files can be bound out of a mount only while it is attached somewhere. Below the root
  // it is out of the container's sight, and pivot_root takes it away.
  stage.scratch = TRY(new_mount(
      {.type = "tmpfs", .source = k_scratch_source, .options = {"mode=0755"}, .attributes = k_inert}));
  TRY(attach(stage.scratch, place, ""));
  if (stage.plan.shares_mounts) TRY(set_propagation(stage.scratch, {MS_PRIVATE}, ""));
  TRY(attach(stage.root, stage.scratch, ""));
  TRY(posix::mkdir_at(stage.scratch, "empty", 0755));
  stage.root_mount = TRY(mount_id(stage.root));
  return {};
}

Result<> make_root_read_only(Stage& stage) {
  return set_attributes(stage.root, {.set = MOUNT_ATTR_RDONLY, .clear = 0}, Depth::one, "");
}

namespace {

// The old root lies on top of the new one, and on that what was mounted over the host's root directory if
// that is the container's. At a root directory ".." leads to what lies on it.
Result<> take_off_old_root(const Stage& stage) {
  for (;;) {
    if (::umount2(".", MNT_DETACH) != 0) return fail_errno("cannot leave the host's root directory");
    const Fd top = TRY(posix::open("/..", O_PATH | O_DIRECTORY));
    if (TRY(mount_id(top)) == stage.root_mount) return {};
  }
}

}  // namespace

Result<> pivot(Stage& stage) {
  if (::fchdir(stage.root.get()) != 0) return fail_errno("cannot enter the root directory of the container");
  if (has_others_mounts(stage)) return leave_mounts(stage);
  // pivot_root(2), "pivot_root(".", ".")".
  if (::syscall(SYS_pivot_root, ".", ".") != 0) {
    const int code = errno;
    if (code == EINVAL && on_first_root()) return move_root(stage);
    errno = code;
    return fail_errno("cannot make the root directory of the container the root");
  }
  TRY(take_off_old_root(stage));
  if (::chdir("/") != 0) return fail_errno("cannot enter the root directory of the container");
  stage.root.reset();
  stage.scratch.reset();
  stage.kernel_files.clear();
  return {};
}

Result<> move_root(Stage& stage) {
  if (!has_others_mounts(stage)) TRY(hide_kernel_files(stage));
  if (::fchdir(stage.root.get()) != 0) return fail_errno("cannot enter the root directory of the container");
  if (has_others_mounts(stage)) return leave_mounts(stage);
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0)
    return fail_errno("cannot move the root directory of the container over the host's");
  return leave_mounts(stage);
}

// The terminal is one of the host's, whose /dev/pts answers for it.
Result<> enter_plain_root(Stage& stage, const SetupOp& op) {
  const Fd place = TRY(posix::open(op.source, O_PATH | O_DIRECTORY));
  if (stage.plan.process.terminal) TRY(make_exec_terminal(stage));
  if (::fchdir(place.get()) != 0) return fail_errno("cannot enter the root directory of the container");
  return leave_mounts(stage);
}

Result<> propagate_root(const SetupOp& op) {
  const Fd root = TRY(posix::open("/", O_PATH | O_DIRECTORY));
  return set_propagation(root, op.propagation, "");
}

}  // namespace ecrin::run::stage
