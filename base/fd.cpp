#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ecrin {

Fd::~Fd() {
  if (m_fd < 0) return;
  // A destructor often runs between a failed call and the line that reads its errno.
  const int saved = errno;
  ::close(m_fd);
  errno = saved;
}

Result<> Fd::close() {
  if (m_fd < 0) return {};
  // Linux frees the number in any case: closing again after EINTR could close a stranger's file.
  if (::close(release()) != 0 && errno != EINTR) return fail_errno("cannot close a file");
  return {};
}

Result<Fd> Fd::duplicate() const {
  // Never below 3, where programs expect their standard streams.
  Fd copy(::fcntl(m_fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return fail_errno("cannot duplicate a descriptor");
  return copy;
}

Result<Pipe> Pipe::create() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("cannot create a pipe");
  return Pipe{.read = Fd(ends[0]), .write = Fd(ends[1])};
}

Result<SocketPair> SocketPair::create(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail_errno("cannot create a pair of sockets");
  }
  return SocketPair{.ours = Fd(ends[0]), .theirs = Fd(ends[1])};
}

}  // namespace ecrin
