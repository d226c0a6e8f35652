#include "run/signal_name.hpp"

#include <signal.h>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("signals have names with and without SIG, and numbers") {
  CHECK(parse_signal("TERM").value() == SIGTERM);
  CHECK(parse_signal("SIGTERM").value() == SIGTERM);
  CHECK(parse_signal("sigkill").value() == SIGKILL);
  CHECK(parse_signal("9").value() == SIGKILL);
  CHECK(parse_signal("64").value() == 64);
  CHECK(parse_signal("CHLD").value() == SIGCHLD);
  CHECK(parse_signal("CLD").value() == SIGCHLD);
  CHECK(parse_signal("RTMIN").value() == SIGRTMIN);
  CHECK(parse_signal("SIGRTMIN+3").value() == SIGRTMIN + 3);
  CHECK(parse_signal("RTMAX-1").value() == SIGRTMAX - 1);
}

TEST_CASE("what is no signal is refused") {
  for (const char* text : {"", "0", "65", "-9", "SIG", "SIGNOPE", "RTMIN+99", "RTMIN-1", "RTMAX+1", "RTMIN+",
                           "99999999999999999999", "TERM "}) {
    INFO(text);
    const auto parsed = parse_signal(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().kind() == ErrorKind::invalid);
  }
}
