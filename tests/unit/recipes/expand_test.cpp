#include "recipes/expand.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

namespace {

const Arguments k_arguments = {
    {"A", "1"}, {"EMPTY", ""}, {"UNSET", std::nullopt}, {"_x9", "under"}, {"NEST", "${A}$$"}};

std::string expanded(std::string_view text) {
  std::size_t budget = 1000;
  const auto result = expand(text, k_arguments, budget);
  REQUIRE(result.has_value());
  CHECK(budget == 1000 - result->size());
  return *result;
}

ExpandFailure failure(std::string_view text, std::size_t budget = 1000) {
  const auto result = expand(text, k_arguments, budget);
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

}  // namespace

TEST_CASE("expand fills in arguments and leaves other text alone") {
  CHECK(expanded("") == "");
  CHECK(expanded("plain } { text") == "plain } { text");
  CHECK(expanded("${A}") == "1");
  CHECK(expanded("x${A}y${_x9}z") == "x1yunderz");
  CHECK(expanded("[${EMPTY}]") == "[]");
  CHECK(expanded("$A $1 $( $") == "$A $1 $( $");
  CHECK(expanded("$$") == "$");
  CHECK(expanded("$${A} $$$${A} $$${A}") == "${A} $${A} $1");
}

TEST_CASE("a value is not expanded again") {
  CHECK(expanded("${NEST}") == "${A}$$");
}

TEST_CASE("a default stands in for no value and for an empty one") {
  CHECK(expanded("${UNSET:-d e}") == "d e");
  CHECK(expanded("${EMPTY:-d}") == "d");
  CHECK(expanded("${A:-d}") == "1");
  CHECK(expanded("[${UNSET:-}]") == "[]");
}

TEST_CASE("failures say where and why") {
  const ExpandFailure unset = failure("ab${UNSET}cd");
  CHECK(unset.begin == 2);
  CHECK(unset.length == 8);
  CHECK(unset.message == "argument 'UNSET' has no value");

  CHECK(failure("${UNSER:-x}").message == "no argument 'UNSER' is declared (did you mean 'UNSET'?)");
  CHECK(failure("${empty}").message == "no argument 'empty' is declared (did you mean 'EMPTY'?)");
  CHECK(failure("${quite_other}").message == "no argument 'quite_other' is declared");
  CHECK(failure("x${A").begin == 1);
  for (const char* text : {"${}", "${1}", "${A+x}", "${A:x}", "${A-b}", "${A B}", "${!A}"}) {
    INFO(text);
    CHECK(failure(text).message.ends_with("is not understood"));
  }
  CHECK(failure("${UNSET:-${A}}").message.contains("literal"));
}

TEST_CASE("the budget bounds what all expansions write") {
  CHECK(failure("12345", 4).kind == ErrorKind::limit);
  std::size_t budget = 5;
  CHECK(expand("12345", k_arguments, budget).has_value());
  CHECK(budget == 0);
  CHECK_FALSE(expand("x", k_arguments, budget).has_value());
}

TEST_CASE("a script's variables are found as a shell would find them") {
  const auto names = [](std::string_view script) {
    std::string result;
    for (const Mention& mention : mentioned_variables(script)) {
      result += mention.name + (mention.has_operator ? "* " : " ");
    }
    return result;
  };
  CHECK(names("echo $A \"${B}\" '$C' ${D:-x} ${E%.c} ${#F}") == "A B C D* E* F ");
  CHECK(names("$$A $1 $@ $? ${1} $(cmd) $") == "");
  CHECK(names("$$$A") == "A ");
  CHECK(names("$A$B${C}${D") == "A B C D* ");
  const auto mentions = mentioned_variables("ab ${X} $Y");
  REQUIRE(mentions.size() == 2);
  CHECK(mentions[0].begin == 3);
  CHECK(mentions[0].length == 4);
  CHECK(mentions[1].begin == 8);
  CHECK(mentions[1].length == 2);
}
