#include "run/monitor/join.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pidfd.hpp"

namespace ecrin::run {

Result<> join_monitor(const Fd& control) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(control.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail_errno("cannot see who is at the other end of a socket");
  const Fd process = TRY_WHILE(posix::open_pidfd(peer.pid), "entering a container's monitor");
  if (::setns(process.get(), CLONE_NEWUSER) != 0)
    return fail_errno("cannot enter the user namespace of a container's monitor");
  if (::unshare(CLONE_NEWNS) != 0) return fail_errno("cannot make a mount namespace");
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)
    return fail_errno("cannot become root of the user namespace");
  // Nothing that is mounted here may spread.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail_errno("cannot make the mounts of the new namespace private");
  return {};
}

}  // namespace ecrin::run
