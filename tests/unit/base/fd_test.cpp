#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;

namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}
bool closes_on_exec(const Fd& fd) {
  return (::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0;
}

}  // namespace

TEST_CASE("fd: it closes once, at scope exit") {
  int number = -1;
  {
    Pipe pipe = Pipe::create().value();
    number = pipe.read.get();
    Fd moved = std::move(pipe.read);
    CHECK(!pipe.read);
    CHECK(moved.get() == number);
    CHECK(is_open(number));
  }
  CHECK(!is_open(number));
}

TEST_CASE("fd: assigning closes what was held before") {
  Pipe pipe = Pipe::create().value();
  const int write = pipe.write.get();
  const int read = pipe.read.get();
  pipe.write = std::move(pipe.read);
  CHECK(!is_open(write));
  CHECK(pipe.write.get() == read);
  const int released = pipe.write.release();
  CHECK(!pipe.write);
  CHECK(is_open(released));
  ::close(released);
}

TEST_CASE("fd: closing does not change errno") {
  Pipe pipe = Pipe::create().value();
  errno = ENOSPC;
  pipe.read.reset();
  CHECK(errno == ENOSPC);
}

TEST_CASE("fd: close reports an error") {
  Pipe pipe = Pipe::create().value();
  CHECK(pipe.read.close());
  CHECK(!pipe.read);
  CHECK(pipe.read.close());  // empty: nothing to do
  ::close(pipe.write.get());
  const auto result = pipe.write.close();
  REQUIRE(!result);
  CHECK(result.error().code() == EBADF);
}

TEST_CASE("fd: pipes, sockets and copies close on exec") {
  Pipe pipe = Pipe::create().value();
  CHECK(closes_on_exec(pipe.read));
  CHECK(closes_on_exec(pipe.write));
  SocketPair sockets = SocketPair::create(SOCK_SEQPACKET).value();
  CHECK(closes_on_exec(sockets.ours));
  CHECK(closes_on_exec(sockets.theirs));
  const Fd copy = pipe.read.duplicate().value();
  CHECK(closes_on_exec(copy));
  CHECK(copy.get() != pipe.read.get());
  CHECK(copy.get() > 2);
  CHECK(!Fd().duplicate());
}

TEST_CASE("fd: a socket pair of packets keeps their borders") {
  SocketPair sockets = SocketPair::create(SOCK_SEQPACKET).value();
  REQUIRE(posix::write_full(sockets.ours, "one"));
  REQUIRE(posix::write_full(sockets.ours, "two"));
  std::array<std::byte, 16> buffer;
  CHECK(posix::read_some(sockets.theirs, buffer).value() == 3);
  CHECK(posix::read_some(sockets.theirs, buffer).value() == 3);
}
