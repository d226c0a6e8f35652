#include "cli/error_report.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

TEST_CASE("an error is told with its context, innermost first, and one hint") {
  const Error error =
      Error(ErrorKind::not_found, "cannot open 'x'").context("reading a").context("building b").hint("try y");
  CHECK(format_error(error, Colour::no) ==
        "error: cannot open 'x'\n  while reading a\n  while building b\nhint: try y\n");
  CHECK(format_error(error, Colour::yes).starts_with("\033[1;31merror:\033[0m cannot"));
}

TEST_CASE("a diagnostic of several lines stays as it is") {
  const Error error(ErrorKind::invalid, "a.yaml:3:1: unknown key\n    3 | x\n      | ^\n");
  CHECK(format_error(error, Colour::no) == "error: a.yaml:3:1: unknown key\n    3 | x\n      | ^\n");
}
