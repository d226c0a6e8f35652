#include "run/bind_source.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

std::string map_text(const std::vector<oci::IdMapping>& mappings) {
  std::string text;
  for (const oci::IdMapping& mapping : mappings)
    text += fmt::format("{} {} {}\n", mapping.container_id, mapping.host_id, mapping.size);
  return text;
}

Result<> write_map(pid_t pid, std::string_view file, const std::vector<oci::IdMapping>& mappings) {
  const Fd map = TRY(posix::open(fmt::format("/proc/{}/{}", pid, file), O_WRONLY));
  auto written = posix::write_full(map, std::string_view(map_text(mappings)));
  if (written) return {};
  return std::unexpected(
      std::move(written).error().hint("the maps of a mount may hold what this user may map: on the host all "
                                      "ids for its administrator, and no "
                                      "others"));
}

// A namespace that holds nothing but the maps: its only process waits to be killed.
Result<Fd> user_namespace(const IdMappedBind& mapped) {
  int pidfd = -1;
  const long pid = ::syscall(SYS_clone, CLONE_NEWUSER | CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, 0);
  if (pid < 0) return fail_errno("cannot make a user namespace for the ids of a mount");
  if (pid == 0) {
    // Nothing but system calls: other threads of this process do not exist here.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (;;) ::pause();
  }
  const Child holder = Child::adopt(static_cast<pid_t>(pid), Fd(pidfd));
  TRY(write_map(holder.pid(), "uid_map", mapped.uids));
  TRY(write_map(holder.pid(), "gid_map", mapped.gids));
  return posix::open(fmt::format("/proc/{}/ns/user", holder.pid()), O_RDONLY);
}

Result<> map_ids(const Fd& mount, const SetupOp& op, const IdMappedBind& mapped) {
  const Fd ids = TRY(user_namespace(mapped));
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_IDMAP;
  wanted.userns_fd = static_cast<std::uint64_t>(ids.get());
  const unsigned flags = mapped.recursive ? AT_EMPTY_PATH | AT_RECURSIVE : AT_EMPTY_PATH;
  if (::mount_setattr(mount.get(), "", flags, &wanted, sizeof wanted) == 0) return {};
  const int code = errno;
  Error error = Error::from_errno(code, fmt::format("cannot map the ids of '{}' on '/{}' of the container",
                                                    printable(op.source), printable(op.target)));
  if (code == EINVAL)
    return std::unexpected(std::move(error).hint(
        "its file system has no mounts with mapped ids in this kernel, or they are mapped already"));
  if (code == EPERM)
    return std::unexpected(std::move(error).hint(
        "the kernel allows it to the owner of the file system only, on the host to its administrator"));
  return std::unexpected(std::move(error));
}

}  // namespace

Result<Fd> open_bind_source(const SetupOp& op, const IdMappedBind* id_mapped) {
  constexpr unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  Fd source(::open_tree(AT_FDCWD, op.source.c_str(), op.recursive ? flags | AT_RECURSIVE : flags));
  if (!source && errno == EINVAL)  // mounts below it that may not be left out (user namespaces)
    source = Fd(::open_tree(AT_FDCWD, op.source.c_str(), flags | AT_RECURSIVE));
  if (!source)
    return fail_errno("cannot bind '{}' on '/{}' of the container", printable(op.source),
                      printable(op.target));
  if (id_mapped) TRY(map_ids(source, op, *id_mapped));
  return source;
}

const IdMappedBind* find_id_mapped(const ContainerPlan& plan, std::size_t op) {
  const auto found = std::ranges::find(plan.id_mapped, op, &IdMappedBind::op);
  return found == plan.id_mapped.end() ? nullptr : &*found;
}

}  // namespace ecrin::run
