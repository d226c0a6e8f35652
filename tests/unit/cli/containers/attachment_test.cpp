#include "cli/containers/attachment.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

TEST_CASE("detach keys are read as podman and docker have them") {
  CHECK(parse_detach_keys("ctrl-p,ctrl-q").value() == "\x10\x11");
  CHECK(parse_detach_keys("ctrl-a,x").value() == "\x01x");
  CHECK(parse_detach_keys("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_").value() ==
        std::string("\0\x1b\x1c\x1d\x1e\x1f", 6));
  CHECK(parse_detach_keys("").value().empty());
  for (const char* text : {"ctrl-", "ctrl-pp", "xy", "ctrl-p,", "\x01"}) CHECK_FALSE(parse_detach_keys(text));
}

TEST_CASE("detach keys are found wherever input is cut, and nothing else is lost") {
  bool detached = false;
  SECTION("in one piece") {
    DetachFilter filter("\x10\x11");
    CHECK(filter.pass("abc\x10\x11xyz", detached) == "abc");
    CHECK(detached);
  }
  SECTION("in two") {
    DetachFilter filter("\x10\x11");
    CHECK(filter.pass("a\x10", detached) == "a");
    CHECK_FALSE(detached);
    CHECK(filter.pass("\x11", detached).empty());
    CHECK(detached);
  }
  SECTION("only the beginning") {
    DetachFilter filter("\x10\x11");
    CHECK(filter.pass("a\x10", detached) == "a");
    CHECK(filter.pass("b", detached) ==
          "\x10"
          "b");
    CHECK(filter.pass("\x10\x10", detached) == "\x10");
    CHECK(filter.pass("\x11", detached).empty());
    CHECK(detached);
  }
  SECTION("none") {
    DetachFilter filter("");
    CHECK(filter.pass("\x10\x11", detached) == "\x10\x11");
    CHECK_FALSE(detached);
  }
}
