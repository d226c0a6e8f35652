#include "recipes/containerfile/words.hpp"

#include <map>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::recipes::containerfile;

namespace {

using Values = std::map<std::string, std::string, std::less<>>;
const Values k_values = {{"A", "1"},          {"EMPTY", ""},     {"_x9", "under"},
                         {"TWO", "one  two"}, {"QUOTED", "'q'"}, {"FILE", "src/lib/name.tar.gz"},
                         {"LINES", "a1\nb2"}, {"UTF", "äöü"},    {"STARS", "a*b?c\\d"}};

Result<ExpandedWord> expand(std::string_view word, const WordRules& rules = {},
                            const Values& values = k_values) {
  ExpansionBudget budget;
  return expand_word(
      word,
      [&](std::string_view name) -> const std::string* {
        const auto found = values.find(name);
        return found == values.end() ? nullptr : &found->second;
      },
      rules, budget);
}

std::string text(std::string_view word, const WordRules& rules = {}) {
  auto result = expand(word, rules);
  INFO(word);
  INFO((result ? "" : result.error().message()));
  REQUIRE(result);
  return result->text;
}

std::string error(std::string_view word) {
  const auto result = expand(word);
  return result ? "accepted: " + result->text : result.error().message();
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("quotes and escapes are taken away") {
  CHECK(text("plain") == "plain");
  CHECK(text("a'b c'd") == "ab cd");
  CHECK(text(R"("it's")") == "it's");
  CHECK(text(R"(a\ b\\c\')") == "a b\\c'");
  CHECK(text(R"('\n$A')") == "\\n$A");
  CHECK(text(R"("\n\"\$A\\")") == "\\n\"$A\\");
  CHECK(text("end\\") == "end");
  CHECK(text("''") == "");
}

TEST_CASE("the escape character is that of the file") {
  CHECK(text(R"(C:\dir`$A)", {.escape = '`'}) == "C:\\dir$A");
  CHECK(text("\"`\"\\\"", {.escape = '`'}) == "\"\\");
}

TEST_CASE("variables become their values") {
  CHECK(text("$A-${A}${_x9}.$A.x") == "1-1under.1.x");
  CHECK(text("[$NONE][${NONE}]") == "[][]");
  CHECK(text("\"$A '$A'\"") == "1 '1'");
  CHECK(text("'$A'\\$A") == "$A$A");
  CHECK(text("$QUOTED") == "'q'");
  CHECK(text("a$") == "a$");
  CHECK(text("$.$/ $") == "$.$/ $");
}

TEST_CASE("special parameters of a shell are never set") {
  CHECK(text("<$$><$1><$12x><$@@><$#><$?>") == "<><><x><@><><>");
  CHECK(text("${1:-one}${@:-all}") == "oneall");
}

TEST_CASE("a word can stand in for a value") {
  CHECK(text("${A:-x}${EMPTY:-y}${NONE:-z}") == "1yz");
  CHECK(text("[${A-x}][${EMPTY-y}][${NONE-z}]") == "[1][][z]");
  CHECK(text("[${A:+x}][${EMPTY:+y}][${NONE:+z}]") == "[x][][]");
  CHECK(text("[${A+x}][${EMPTY+y}][${NONE+z}]") == "[x][y][]");
  CHECK(text("${NONE:-a ${NONE:-$A}}") == "a 1");
  CHECK(text("${NONE:-\"}\"'}'\\}}") == "}}}");
  CHECK(text("\"${NONE:-\"in ner\"}\"") == "in ner");
  CHECK(text("${NONE:-a:b}c}") == "a:bc}");
}

TEST_CASE("a value can be demanded") {
  CHECK(text("${A:?}${EMPTY?}") == "1");
  CHECK(error("${NONE?}") == "NONE: has no value");
  CHECK(error("${EMPTY:?}") == "EMPTY: is empty");
  CHECK(error("${NONE:?say which $A}") == "NONE: say which 1");
}

TEST_CASE("a start or an end can be cut off") {
  CHECK(text("${FILE#*/}") == "lib/name.tar.gz");
  CHECK(text("${FILE##*/}") == "name.tar.gz");
  CHECK(text("${FILE%.*}") == "src/lib/name.tar");
  CHECK(text("${FILE%%.*}") == "src/lib/name");
  CHECK(text("${FILE#src}${FILE#lib}") == "/lib/name.tar.gzsrc/lib/name.tar.gz");
  CHECK(text("${FILE#???}") == "/lib/name.tar.gz");
  CHECK(text("${UTF#?}${UTF%?}") == "öüäö");
  CHECK(text("[${NONE#x}]") == "[]");
  CHECK(text("${FILE#$NONE}") == "src/lib/name.tar.gz");
  CHECK(text("${FILE#'src'/}") == "lib/name.tar.gz");
}

TEST_CASE("pieces can be replaced") {
  CHECK(text("${FILE/a/A}") == "src/lib/nAme.tar.gz");
  CHECK(text("${FILE//a/A}") == "src/lib/nAme.tAr.gz");
  CHECK(text("${FILE//[.]/-}") == "src/lib/name.tar.gz");
  CHECK(text("${FILE/\\//-}") == "src-lib/name.tar.gz");
  CHECK(text("${FILE/.*/}") == "src/lib/name");
  CHECK(text("${FILE//?a/_}") == "src/lib/_me._r.gz");
  CHECK(text("${A/*/$_x9}") == "under");
  CHECK(text("${EMPTY//*/x}") == "x");
}

TEST_CASE("a pattern stays within a line and takes the meaning from its own characters") {
  CHECK(text("${LINES#*2}") == "a1\nb2");
  CHECK(text("${LINES//?/}") == "\n");
  CHECK(text("${STARS#a\\*}") == "b?c\\d");
  CHECK(text("${STARS/\\?/x}") == "a*bxc\\d");
  CHECK(text("${STARS%\\\\?}") == "a*b?c");
  CHECK(error("${A#\\x}").starts_with("'\\x' in the pattern"));
}

TEST_CASE("what is not closed or not understood is refused") {
  CHECK(error("'a") == "a single quote is not closed");
  CHECK(error("\"a") == "a double quote is not closed");
  CHECK(error("${A") == "'${A' is not closed");
  CHECK(error("${A:-x") == "'${A' is not closed");
  CHECK(error("${") == "'${' is not closed");
  CHECK(error("${}") == "'${}' names no variable");
  CHECK(error("${:-x}") == "'${:' names no variable");
  CHECK(error("${A:=x}") == "'${A:=' is not understood");
  CHECK(error("${A:#x}") == "'${A:#' is not understood");
  CHECK(error("${A^^}") == "'${A^' is not understood");
  CHECK(error("${.}") == "'${.' is not understood");
}

TEST_CASE("words are cut at white space that is not quoted") {
  CHECK(expand("80 $TWO")->words == Words{"80", "one", "two"});
  CHECK(expand("\"$TWO\"x y")->words == Words{"one  twox", "y"});
  CHECK(expand("a\\ b  c")->words == Words{"a b", "c"});
  CHECK(expand("$EMPTY $NONE")->words.empty());
}

TEST_CASE("without quotes, as in here-documents, they are text") {
  CHECK(text("it's \"$A\" \\$A", {.quotes = false}) == "it's \"1\" $A");
}

TEST_CASE("variables without a value are told") {
  CHECK(expand("$NONE$A${OTHER:-x}")->undefined == Words{"NONE", "OTHER"});
  CHECK(expand("$EMPTY")->undefined.empty());
}

TEST_CASE("ten thousand variables within each other end, and deeper ones are refused") {
  const auto nested = [](int depth) {
    std::string word;
    for (int i = 0; i < depth; ++i) word += "${N:-x";
    return word + std::string(static_cast<std::size_t>(depth), '}');
  };
  CHECK(expand(nested(10'000))->text.size() == 10'000);
  const auto deeper = expand(nested(200'000));
  REQUIRE_FALSE(deeper);
  CHECK(deeper.error().kind() == ErrorKind::limit);
}

TEST_CASE("what variables write is bounded") {
  const Values large = {{"L", std::string(std::size_t{1} << 20, 'x')}};
  std::string word;
  for (int i = 0; i < 20; ++i) word += "$L";
  const auto result = expand(word, {}, large);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind() == ErrorKind::limit);
}

TEST_CASE("the work of patterns is bounded") {
  const Values large = {{"L", std::string(200'000, 'a')}};
  std::string pattern;
  for (int i = 0; i < 100'000; ++i) pattern += "*a";
  const auto result = expand("${L#" + pattern + "b}", {}, large);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind() == ErrorKind::limit);
  // A pattern that fits often is as much work as one that fits once.
  CHECK(expand("${L//a/b}", {}, large)->text == std::string(200'000, 'b'));
  CHECK(expand("${L//*b/}", {}, large)->text.size() == 200'000);
}
