#include "build/ignore.hpp"

#include "base/atomic_file.hpp"
#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {
IgnoreRules rules(std::string_view text) {
  auto parsed = IgnoreRules::parse(text, ".dockerignore");
  REQUIRE(parsed);
  return std::move(*parsed);
}
}  // namespace

TEST_CASE("a pattern covers everything below what it matches") {
  const IgnoreRules ignore = rules("build\n*.log\n");
  CHECK(ignore.ignores("build"));
  CHECK(ignore.ignores("build/deep/file"));
  CHECK(ignore.ignores("a.log"));
  CHECK_FALSE(ignore.ignores("src/a.log"));  // anchored at the root
  CHECK_FALSE(ignore.ignores("builder"));
  CHECK_FALSE(ignore.ignores(""));
}

TEST_CASE("the last rule that matches decides") {
  const IgnoreRules ignore = rules("docs\n!docs/README.md\ndocs/README.md\n!docs/keep\n");
  CHECK(ignore.ignores("docs/a"));
  CHECK(ignore.ignores("docs/README.md"));
  CHECK_FALSE(ignore.ignores("docs/keep"));
  CHECK_FALSE(ignore.ignores("docs/keep/below"));
  CHECK(ignore.takes_back());
}

TEST_CASE("everything but") {
  const IgnoreRules ignore = rules("*\n!src\n!**/*.md\n");
  CHECK(ignore.ignores("a"));
  CHECK_FALSE(ignore.ignores("src/main.c"));
  CHECK_FALSE(ignore.ignores("deep/er/x.md"));
  CHECK(ignore.ignores("deep/er/x.txt"));
}

TEST_CASE("comments, blanks, slashes and byte order mark") {
  const IgnoreRules ignore = rules("\xEF\xBB\xBF# comment\n\n  /top/  \n./dot\n #not-a-comment\nwin\r\n.\n");
  CHECK(ignore.ignores("top"));
  CHECK(ignore.ignores("dot"));
  CHECK(ignore.ignores("win"));
  CHECK(ignore.ignores("#not-a-comment"));
  CHECK_FALSE(ignore.ignores("sub/top"));
  CHECK_FALSE(ignore.ignores("other"));  // "." means nothing
}

TEST_CASE("an error names file and line") {
  const auto parsed = IgnoreRules::parse("ok\n[bad\n", ".containerignore");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().trace().front().find(".containerignore:2") != std::string::npos);
  CHECK_FALSE(IgnoreRules::parse("!\n", "x"));
}

TEST_CASE("walking gives the same answers as asking for single paths") {
  const IgnoreRules ignore = rules("a/*\n!a/b\na/b/c\n**/tmp\n!a/tmp/keep\n");
  const auto walked = [&](std::vector<std::string> prefixes) {
    IgnoreRules::State state;
    bool first = true;
    for (const std::string& prefix : prefixes) {
      state = ignore.state(first ? nullptr : &state, prefix);
      first = false;
    }
    return state.ignored;
  };
  CHECK(walked({"a", "a/b", "a/b/c"}) == ignore.ignores("a/b/c"));
  CHECK(walked({"a", "a/b", "a/b/d"}) == ignore.ignores("a/b/d"));
  CHECK(walked({"a", "a/tmp", "a/tmp/keep"}) == ignore.ignores("a/tmp/keep"));
  CHECK_FALSE(ignore.ignores("a/b/d"));
  CHECK(ignore.ignores("a/x"));
}

TEST_CASE(".containerignore wins over .dockerignore, and only one is read") {
  const testing::TemporaryDirectory scratch;
  const auto root = posix::open(scratch.path(), O_RDONLY | O_DIRECTORY);
  REQUIRE(root);
  CHECK(read_ignore_file(*root)->name.empty());
  REQUIRE(write_file_atomically(scratch.path() + "/.dockerignore", "docker\n"));
  CHECK(read_ignore_file(*root)->rules.ignores("docker"));
  REQUIRE(write_file_atomically(scratch.path() + "/.containerignore", "container\n"));
  const auto file = read_ignore_file(*root);
  REQUIRE(file);
  CHECK(file->name == ".containerignore");
  CHECK(file->rules.ignores("container"));
  CHECK_FALSE(file->rules.ignores("docker"));
}

TEST_CASE("an ignore file that leads out of the context or is no file is not read") {
  const testing::TemporaryDirectory scratch;
  const auto root = posix::open(scratch.path(), O_RDONLY | O_DIRECTORY);
  REQUIRE(root);
  REQUIRE(posix::symlink_at("/etc/passwd", *root, ".dockerignore"));
  const auto outside = read_ignore_file(*root);  // inside the context there is no such file
  REQUIRE(outside);
  CHECK(outside->name.empty());
  REQUIRE(posix::mkdir_at(*root, ".containerignore", 0755));
  CHECK_FALSE(read_ignore_file(*root));
}
