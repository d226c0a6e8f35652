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

TEST_CASE("a line of a mebibyte ends in a bounded time") {
  const auto repeated = [](std::string_view text, std::size_t size) {
    std::string all;
    while (all.size() + text.size() <= size) all += text;
    return all;
  };
  constexpr std::size_t k_mebibyte = std::size_t{1} << 20;
  const std::string path = repeated("a/", 200) + std::string(200, 'a');
  for (const char* part : {"x", "*", "?", "*a", "**/", "**/a", "**/*", "[a-z]", "\\a", "a/", "!", "*/"}) {
    INFO(part);
    const auto rules = IgnoreRules::parse(repeated(part, k_mebibyte) + "x\n", "ignore");
    if (!rules) continue;
    for (int i = 0; i < 3; ++i) CHECK_FALSE(rules->ignores(path));
  }
  CHECK_FALSE(IgnoreRules::parse(repeated("a\n", k_mebibyte), "ignore"));  // too many lines
  const auto many = IgnoreRules::parse(repeated("*a*/b\n", 60'000), "ignore");
  REQUIRE(many);
  CHECK_FALSE(many->ignores(path));
}

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

TEST_CASE("patterns mean what they mean to docker") {
  struct Case {
    const char* patterns;
    const char* path;
    bool ignored;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"**", "file", true},
           {"**/", "dir/file", true},
           {"**/**", "dir/file", true},
           {"dir/**", "file", false},
           {"dir/**", "dir/file", true},
           {"dir/**", "dir/dir2/file", true},
           {"**/dir", "dir", true},
           {"**/dir", "dir/file", true},
           {"**/dir2/*", "dir/dir2/file", true},
           {"**/dir2/*", "dir/dir2/dir2/file", true},
           {"**file", "dir/file", true},
           {"**/file*txt", "dir/dir/file.txt", true},
           {"**/**/*.txt", "dir/dir/file.txt", true},
           {"a**/*.txt", "a/file.txt", true},
           {"a**/*.txt", "a/dir/dir/file.txt", true},
           {"a[b-d]e", "ace", true},
           {"a[b-d]e", "ae", false},
           {"a[^b-d]e", "aze", true},
           {"a[^b-d]e", "ace", false},
           {"a\\*b", "a*b", true},
           {"a\\*b", "axb", false},
           {"*.foo", "a/b.foo", false},
           {"*/foo", "a/foo", true},
           {"*/foo", "foo", false},
           {"foo/", "foo", true},
           {"/foo", "foo", true},
           {"  foo  ", "foo", true},
           {"./a/../foo", "foo", true},
           {"foo\r\n", "foo", true},
           {".*", ".foo", true},
           {".*", "foo", false},
           {"abc.def", "abcZdef", false},
           {"a(b)c/def", "a(b)c/xyz", false},
           {"a.|)$(}+{bc", "a.|)$(}+{bc", true},
           {"*\n!README*\n", "README.md", false},
           {"*\n!README*\nREADME-secret.md", "README-secret.md", true},
           {"*\nREADME-secret.md\n!README*", "README-secret.md", false},
           {"docs\n!docs/README.md", "docs/README.md", false},
           {"docs\n!docs/README.md", "docs/other", true},
           {"*\n! spaced", "spaced", false},
           {"#file", "#file", false},
       }) {
    INFO(c.patterns << " and " << c.path);
    const auto rules = IgnoreRules::parse(c.patterns, "x");
    REQUIRE(rules);
    CHECK(rules->ignores(c.path) == c.ignored);
  }
}

TEST_CASE("an ignore file that is given counts, else the one beside the recipe") {
  testing::TemporaryDirectory scratch;
  const std::string path = scratch.path();
  const Fd root = testing::open_directory(path);
  const auto used = [&](const IgnorePlaces& places) {
    const auto file = read_ignore_file(root, places);
    REQUIRE(file);
    return file->name;
  };
  const IgnorePlaces beside{.given = "", .recipe = path + "/sub/Containerfile"};
  testing::write_file(path + "/.dockerignore", "a\n");
  testing::write_file(path + "/sub/.dockerignore", "a\n");  // of no context
  CHECK(used(beside) == ".dockerignore");
  testing::write_file(path + "/sub/Containerfile.dockerignore", "a\n");
  CHECK(used(beside) == "Containerfile.dockerignore");
  testing::write_file(path + "/sub/Containerfile.containerignore", "a\n");
  CHECK(used(beside) == "Containerfile.containerignore");
  testing::write_file(path + "/own", "a\n");
  CHECK(used({.given = path + "/own", .recipe = beside.recipe}) == path + "/own");
  CHECK_FALSE(read_ignore_file(root, {.given = path + "/none", .recipe = beside.recipe}));
}
