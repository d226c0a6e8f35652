#include "base/variables.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;

using Variables = std::vector<std::string>;

TEST_CASE("a variable keeps its place when it is set again") {
  Variables variables = {"A=1", "AB=2", "C=3"};
  set_variable(variables, "A", "9");
  set_variable(variables, "C=x=y");
  set_variable(variables, "D", "4");
  CHECK(variables == Variables{"A=9", "AB=2", "C=x=y", "D=4"});
}

TEST_CASE("a variable is found and erased by its whole name") {
  Variables variables = {"AB=2", "A=", "BARE"};
  CHECK(find_variable(variables, "B") == nullptr);
  REQUIRE(find_variable(variables, "A") != nullptr);
  CHECK(*find_variable(variables, "A") == "A=");
  CHECK(find_variable(variables, "BARE") != nullptr);
  erase_variable(variables, "A");
  CHECK(variables == Variables{"AB=2", "BARE"});
}

TEST_CASE("a name without a value replaces nothing but itself") {
  Variables variables = {"A=1"};
  set_variable(variables, "BARE");
  set_variable(variables, "BARE");
  CHECK(variables == Variables{"A=1", "BARE"});
  set_variable(variables, "BARE=x");
  CHECK(variables == Variables{"A=1", "BARE=x"});
}
