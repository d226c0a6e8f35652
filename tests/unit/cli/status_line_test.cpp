#include "cli/status_line.hpp"

#include <locale.h>

#include "tests/support/catch.hpp"

using namespace ecrin::cli;

TEST_CASE("widths: colours take no columns, characters one or two") {
  ::setlocale(LC_CTYPE, "C.UTF-8");
  CHECK(display_width("abc") == 3);
  CHECK(display_width("\033[1;31mabc\033[0m") == 3);
  CHECK(display_width("✓") == 1);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("\xff\xfe") == 2);
  CHECK(elide("abcdefgh", 8) == "abcdefgh");
  CHECK(elide("abcdefgh", 6) == "abc...");
  CHECK(elide("\033[2mabcdefgh\033[0m", 6) == "\033[2mabc\033[0m...");
}

TEST_CASE("lines scroll above the status, and the status leaves no trace") {
  std::string screen;
  TerminalSize size{40, 10};
  {
    StatusLine line([&screen](std::string_view text) { screen += text; }, [&size] { return size; });
    line.show({"one", "two"});
    CHECK(screen == "one\ntwo\n");
    screen.clear();
    line.print("message");
    CHECK(screen == "\033[2A\r\033[Jmessage\none\ntwo\n");
    screen.clear();
    size.columns = 2;  // the terminal became narrower: both lines take two rows now
    line.clear();
    CHECK(screen == "\033[4A\r\033[J");
    screen.clear();
  }
  CHECK(screen.empty());
}

TEST_CASE("off a terminal there are messages only") {
  std::string screen;
  StatusLine line([&screen](std::string_view text) { screen += text; }, {});
  line.show({"status"});
  line.print("message\n");
  CHECK(screen == "message\n");
}

TEST_CASE("more lines than the terminal has rows are not drawn") {
  std::string screen;
  StatusLine line([&screen](std::string_view text) { screen += text; }, [] { return TerminalSize{80, 3}; });
  line.show({"1", "2", "3", "4"});
  CHECK(screen == "1\n2\n");
}
