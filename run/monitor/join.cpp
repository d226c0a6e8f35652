#include "run/monitor/join.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/posix.hpp"
#include "run/user_namespace.hpp"

namespace ecrin::run {

Result<> join_monitor(const Fd& control) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(control.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail_errno("cannot see who is at the other end of a socket");
  const Fd user_namespace = TRY(posix::open(fmt::format("/proc/{}/ns/user", peer.pid), O_RDONLY));
  TRY_WHILE(join_user_namespace(user_namespace), "entering the user namespace of a container's monitor");
  return {};
}

}  // namespace ecrin::run
