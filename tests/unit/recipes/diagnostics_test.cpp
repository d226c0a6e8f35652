#include "recipes/diagnostics.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

namespace {

std::string shown(std::string_view text, Span span) {
  return diagnose(SourceText("a.yaml", text), span, "wrong").message();
}

}  // namespace

TEST_CASE("a diagnostic shows the place, the line and a caret") {
  CHECK(shown("one\ntwo three\n", {8, 5}) ==
        "a.yaml:2:5: wrong\n"
        "    2 | two three\n"
        "      |     ^~~~~");
  CHECK(shown("one", {0, 0}) == "a.yaml:1:1: wrong\n    1 | one\n      | ^");
}

TEST_CASE("the end of the text is a place") {
  CHECK(shown("one\n", {4, 1}) == "a.yaml:2:1: wrong\n    2 | \n      | ^");
  CHECK(shown("one", {3, 1}) == "a.yaml:1:4: wrong\n    1 | one\n      |    ^");
  CHECK(shown("", {0, 1}) == "a.yaml:1:1: wrong\n    1 | \n      | ^");
  CHECK(shown("one", {99, 7}).starts_with("a.yaml:1:4: "));
}

TEST_CASE("columns count characters, and a tab is shown as one space") {
  CHECK(shown("ä→\tx y", {6, 1}) == "a.yaml:1:4: wrong\n    1 | ä→ x y\n      |    ^");
}

TEST_CASE("a span over several lines underlines its first") {
  CHECK(shown("abc\ndef", {1, 6}) == "a.yaml:1:2: wrong\n    1 | abc\n      |  ^~");
}

TEST_CASE("carriage returns and escape sequences do not reach the terminal") {
  CHECK(shown("ab\r\ncd", {0, 2}) == "a.yaml:1:1: wrong\n    1 | ab\n      | ^~");
  const std::string text = shown("a\x1b[31mb", {6, 1});
  CHECK_FALSE(text.contains('\x1b'));
  CHECK(text.ends_with("    1 | a\\x1b[31mb\n      |          ^"));
}

TEST_CASE("a long line is cut around the caret") {
  const std::string line = std::string(300, 'a') + "HERE" + std::string(300, 'b');
  const std::string text = shown(line, {300, 4});
  CHECK(text.starts_with("a.yaml:1:301: wrong\n"));
  CHECK(text.size() < 350);
  const std::size_t row = text.find('\n') + 1;
  const std::size_t caret_row = text.find('\n', row) + 1;
  const std::string_view source = std::string_view(text).substr(row, caret_row - 1 - row);
  const std::string_view carets = std::string_view(text).substr(caret_row);
  CHECK(carets.ends_with("^~~~"));
  // The ellipsis is three bytes and one character.
  CHECK(source.substr(carets.find('^') + 2, 4) == "HERE");
}

TEST_CASE("a place in a long line is shown as one in a short line") {
  const std::string line = std::string(2000, 'a') + "ä→HERE" + std::string(2000, 'b');
  const std::string text = shown(line, {2005, 4});
  CHECK(text.starts_with("a.yaml:1:2003: wrong\n    1 | …aaa"));
  CHECK(text.contains("aä→HEREb"));
  CHECK(text.contains("b…\n"));
  CHECK(text.ends_with(" ^~~~"));
  CHECK(shown(std::string(5000, '\xBF'), {2500, 1}).starts_with("a.yaml:1:1: wrong\n"));
}

TEST_CASE("did_you_mean knows near words only") {
  constexpr std::string_view k_words[] = {"entrypoint", "cmd", "env"};
  CHECK(did_you_mean("entrypont", k_words) == " (did you mean 'entrypoint'?)");
  CHECK(did_you_mean("ENTRYPOINT", k_words) == " (did you mean 'entrypoint'?)");
  CHECK(did_you_mean("quantum", k_words) == "");
}
