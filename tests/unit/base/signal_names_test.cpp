#include "base/signal_names.hpp"

#include <csignal>

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("signal names: every way to write one gives its number") {
  for (const char* text : {"TERM", "SIGTERM", "sigterm", "Term", "15"}) CHECK(parse_signal(text) == SIGTERM);
  CHECK(parse_signal("CLD") == SIGCHLD);
  CHECK(parse_signal("SIGIOT") == SIGABRT);
  CHECK(parse_signal("SIGPOLL") == SIGIO);
  CHECK(parse_signal("RTMIN") == 34);
  CHECK(parse_signal("SIGRTMIN+3") == 37);
  CHECK(parse_signal("rtmax-1") == 63);
  CHECK(parse_signal("RTMIN+30") == 64);
  CHECK(parse_signal("64") == 64);
}

TEST_CASE("signal names: what is none is refused, with what it may have meant") {
  for (const char* text : {"", "0", "65", "-1", "+9", "SIG", "SIGNAL", "RTMIN-1", "RTMAX+1", "RTMIN+31",
                           "RTMIN+", "RTMIN+-1", "TERM+1", "SIGSIGTERM", "TERM "})
    CHECK_FALSE(parse_signal(text));
  CHECK(parse_signal("SIGTREM").error().message() == "no signal 'SIGTREM' (did you mean 'SIGTERM'?)");
  CHECK(parse_signal("TERM+1").error().message() == "no signal 'TERM+1'");
}

TEST_CASE("signal names: a number has one name, which gives the number") {
  for (int signal = 1; signal <= 64; ++signal) CHECK(parse_signal(signal_name(signal)) == signal);
  CHECK(signal_name(SIGABRT) == "SIGABRT");
  CHECK(signal_name(SIGIO) == "SIGIO");
  CHECK(signal_name(34) == "SIGRTMIN");
  CHECK(signal_name(36) == "SIGRTMIN+2");
  CHECK(signal_name(33) == "33");
}
