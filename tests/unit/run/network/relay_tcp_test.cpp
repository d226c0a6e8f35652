#include <sys/socket.h>

#include <string>

#include "run/network/relay_flows.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using run::RelayEnd;

namespace {

struct Pair {
  Fd outside;
  RelayEnd end;
};

// Packets, because each of them is read by itself: so a test knows how often is read.
Pair make_pair() {
  int sockets[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0);
  Pair pair{.outside = Fd(sockets[0]), .end = {}};
  pair.end.socket = Fd(sockets[1]);
  return pair;
}

}  // namespace

TEST_CASE("the end of a stream is passed on, whichever read finds it") {
  const std::size_t packets = GENERATE(range(std::size_t{0}, std::size_t{40}));
  CAPTURE(packets);
  Pair from = make_pair();
  Pair to = make_pair();
  for (std::size_t sent = 0; sent < packets; ++sent)
    REQUIRE(::send(from.outside.get(), "x", 1, MSG_NOSIGNAL) == 1);
  REQUIRE(::shutdown(from.outside.get(), SHUT_WR) == 0);
  std::string got;
  bool ended = false;
  // As often as a loop would call it: while there is something to read.
  for (int calls = 0; calls < 10 && !from.end.read_ended; ++calls) {
    REQUIRE(run::move_bytes(from.end, to.end));
    char bytes[16];
    for (ssize_t size = 0; (size = ::recv(to.outside.get(), bytes, sizeof bytes, 0)) >= 0;) {
      ended = size == 0;
      if (ended) break;
      got.append(bytes, static_cast<std::size_t>(size));
    }
  }
  CHECK(got == std::string(packets, 'x'));
  CHECK(ended);
  CHECK(to.end.write_ended);
}
