#include "build/pattern.hpp"

#include <chrono>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {
bool matches(std::string_view pattern, std::string_view path) {
  const auto compiled = Pattern::compile(pattern);
  REQUIRE(compiled);
  return compiled->matches(path);
}
}  // namespace

TEST_CASE("a pattern without '**' stays inside the names that it has") {
  CHECK(matches("a.txt", "a.txt"));
  CHECK_FALSE(matches("a.txt", "b/a.txt"));
  CHECK(matches("*.c", "main.c"));
  CHECK_FALSE(matches("*.c", "src/main.c"));
  CHECK(matches("src/*.c", "src/main.c"));
  CHECK_FALSE(matches("src/*.c", "src/deep/main.c"));
  CHECK(matches("?at", "cat"));
  CHECK_FALSE(matches("?at", "/at"));
  CHECK(matches("a*b*c", "aXbYc"));
  CHECK(matches("a*", "a"));
  CHECK_FALSE(matches("", "a"));
}

TEST_CASE("sets, ranges, negation and escapes") {
  CHECK(matches("[a-c]x", "bx"));
  CHECK_FALSE(matches("[a-c]x", "dx"));
  CHECK(matches("[^a-c]x", "dx"));
  CHECK_FALSE(matches("[^a]", "/"));
}

TEST_CASE("a backslash takes the next character as it is") {
  CHECK(matches("\\*", "*"));
  CHECK_FALSE(matches("\\*", "x"));
  CHECK(matches("[\\]]", "]"));
  const auto literal = Pattern::compile("a\\*b");
  REQUIRE(literal);
  CHECK(literal->is_literal());
  CHECK(literal->literal() == "a*b");
}

TEST_CASE("a character is one of UTF-8, or a byte that is none") {
  CHECK(matches("?", "\u00e9"));
  CHECK(matches("caf?.txt", "caf\u00e9.txt"));
  CHECK_FALSE(matches("??", "\u00e9"));
  CHECK(matches("??", "\u00e9\U0001F600"));
  CHECK(matches("[\u00e0-\u00ef]x", "\u00e9x"));
  CHECK_FALSE(matches("[^\u00e9]", "\u00e9"));
  CHECK(matches("\\\u00e9*", "\u00e9t\u00e9"));
  CHECK(matches("?", "\xff"));
  CHECK_FALSE(matches("?", "\xff\xff"));
  CHECK(matches("\xff*", "\xff\xfe"));
  CHECK(Pattern::compile("dir/\u00e9")->literal() == "dir/\u00e9");
}

TEST_CASE("two stars of a source are one") {
  const auto pattern = [](std::string_view text) {
    return *Pattern::compile(text, Pattern::Stars::in_a_name);
  };
  CHECK(pattern("**").matches("a"));
  CHECK_FALSE(pattern("**").matches("a/b"));
  CHECK(pattern("**/x").matches("a/x"));
  CHECK_FALSE(pattern("**/x").matches("x"));
  CHECK_FALSE(pattern("**/x").matches("a/b/x"));
  CHECK(pattern("a**c").matches("abbc"));
  CHECK(pattern("**/x").depth() == 2);
}

TEST_CASE("'**' crosses directories") {
  CHECK(matches("**", "a/b/c"));
  CHECK(matches("**/x", "x"));
  CHECK(matches("**/x", "a/b/x"));
  CHECK_FALSE(matches("**/x", "a/bx"));
  CHECK(matches("a/**", "a/b/c"));
  CHECK_FALSE(matches("a/**", "b/c"));
  CHECK(matches("a/**/z", "a/z"));
  CHECK(matches("a/**/z", "a/b/c/z"));
  CHECK_FALSE(matches("a/**/z", "a/bz"));
  CHECK(matches("**/*.go", "cmd/main.go"));
  CHECK(matches("a/**/b/**/c", "a/x/b/b/y/c"));
}

TEST_CASE("malformed patterns are refused") {
  for (const char* pattern : {"[", "[a", "[a-", "[-a]", "a\\", "[]", "[^]"}) {
    INFO(pattern);
    CHECK_FALSE(Pattern::compile(pattern));
  }
}

TEST_CASE("matching takes no exponential time") {
  std::string pattern;
  for (int i = 0; i < 40; ++i) pattern += "*a";
  pattern += "**/*b";
  const std::string path(4000, 'a');
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(matches(pattern, path));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

TEST_CASE("a pattern knows where its matches are") {
  const auto deep = Pattern::compile("src/lib/*.c");
  REQUIRE(deep);
  CHECK(deep->literal_directory() == "src/lib");
  CHECK(deep->depth() == 3);
  CHECK_FALSE(deep->is_literal());
  CHECK(Pattern::compile("**/x")->depth() == SIZE_MAX);
  CHECK(Pattern::compile("a*/b/c")->literal_directory().empty());
}

TEST_CASE("paths are cleaned as text") {
  CHECK(clean_path("") == ".");
  CHECK(clean_path("a//b/./c/") == "a/b/c");
  CHECK(clean_path("/../a") == "/a");
  CHECK(clean_path("../a") == "../a");
  CHECK(clean_path("a/../..") == "..");
  CHECK(relative_to_root("../../etc/passwd") == "etc/passwd");
  CHECK(relative_to_root("/") == "");
  CHECK(relative_to_root("a/../../b") == "b");
}
