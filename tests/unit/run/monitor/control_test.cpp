#include "run/monitor/control.hpp"

#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("control: a monitor that goes away is a container that ended, not an error of a socket") {
  auto sockets = SocketPair::create(SOCK_SEQPACKET).value();
  SECTION("before it is asked") {
    sockets.theirs.reset();
  }
  SECTION("without having read what came") {
    REQUIRE(run::send_control(sockets.ours, run::PacketKind::request, "{}"));
    sockets.theirs.reset();
  }
  const auto answer = run::ask(sockets.ours, Json{{"verb", "wait"}});
  REQUIRE(!answer);
  CHECK(answer.error().kind() == ErrorKind::not_found);
  CHECK(answer.error().message() == "the container ended");
}
