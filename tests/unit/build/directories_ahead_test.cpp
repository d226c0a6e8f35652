#include "build/directories_ahead.hpp"

#include <map>
#include <random>

#include "base/text.hpp"
#include "build/ignore.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::build;
using test::TempDirectory;

namespace {

using Below = DirectoriesAhead::Below;
using Listing = std::map<std::string, std::vector<std::string>>;

struct Tree {
  explicit Tree(unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::string> paths = {""};
    for (int i = 0; i < 400; ++i) {
      const std::string parent = paths[random() % paths.size()];
      const std::string name = "n" + std::to_string(i);
      names[parent].push_back(name);
      const std::string path = parent.empty() ? name : parent + "/" + name;
      if (random() % 3 > 0) {
        REQUIRE(posix::mkdir_at(directory.fd(), path, 0755));
        paths.push_back(path);
        names[path];
      } else {
        REQUIRE(posix::open_at(directory.fd(), path, O_WRONLY | O_CREAT | O_EXCL, 0644));
      }
    }
    for (auto& [path, children] : names) std::ranges::sort(children);
  }
  TempDirectory directory;
  Listing names;
  SourceTree tree{.root = &directory.fd(), .ignore = nullptr, .name = "the context", .ignore_file = ""};
};

/// As the selection of a COPY goes through a tree.
Result<> walk(DirectoriesAhead& directories, const std::string& path, Listing& seen, Below goes_on) {
  const DirectoryChildren children = TRY(directories.children(path));
  std::vector<std::string> below;
  seen[path];
  for (const DirectoryChild& child : children) {
    seen[path].push_back(child.name);
    if (S_ISDIR(child.status.st_mode)) below.push_back(path.empty() ? child.name : path + "/" + child.name);
  }
  directories.expect(below, goes_on);
  for (const std::string& directory : below) TRY(walk(directories, directory, seen, goes_on));
  return {};
}

}  // namespace

TEST_CASE("two threads see in a tree what is in it") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    INFO(seed);
    Tree made(seed);
    Listing seen;
    DirectoriesAhead directories(made.tree, nullptr);
    REQUIRE(walk(directories, "", seen, seed % 2 > 0 ? Below::not_ignored : Below::unknown));
    CHECK(seen == made.names);
    // Nobody expected it: read all the same.
    CHECK(directories.children("").value().size() == made.names[""].size());
  }
}

TEST_CASE("directories with one directory each are read with all below them") {
  TempDirectory directory;
  const IgnoreRules ignore = IgnoreRules::parse("**/left-out\n", "f").value();
  const SourceTree tree{
      .root = &directory.fd(), .ignore = &ignore, .name = "the context", .ignore_file = "f"};
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    expected.push_back(fmt::format("d{:02}", i));
    for (const char* below : {"", "/lib", "/lib/deep", "/left-out"})
      REQUIRE(posix::mkdir_at(directory.fd(), expected.back() + below, 0755));
  }
  DirectoriesAhead directories(tree, nullptr);
  directories.expect(expected, Below::not_ignored);
  for (const std::string& path : expected) {
    CHECK(directories.children(path).value().size() == 2);
    directories.expect({path + "/lib"}, Below::not_ignored);
    CHECK(directories.children(path + "/lib").value().size() == 1);
    directories.expect({path + "/lib/deep"}, Below::not_ignored);
    CHECK(directories.children(path + "/lib/deep").value().empty());
  }
}

TEST_CASE("a walk may end in the middle of what it expected") {
  Tree made(7);
  DirectoriesAhead directories(made.tree, nullptr);
  std::vector<std::string> all;
  for (const auto& [path, children] : made.names)
    if (!path.empty()) all.push_back(path);
  directories.expect(all, Below::not_ignored);
  CHECK(directories.children(all.front()).value().size() == made.names[all.front()].size());
}

TEST_CASE("what is wrong with a directory is told to the one who asks for it") {
  TempDirectory directory;
  const SourceTree tree{.root = &directory.fd(), .ignore = nullptr, .name = "the context", .ignore_file = ""};
  std::vector<std::string> expected;
  for (int i = 0; i < 30; ++i) {
    expected.push_back(fmt::format("d{:02}", i));
    if (i % 3 > 0) REQUIRE(posix::mkdir_at(directory.fd(), expected.back(), 0755));
  }
  DirectoriesAhead directories(tree, nullptr);
  directories.expect(expected, Below::unknown);
  for (int i = 0; i < 30; ++i)
    CHECK(directories.children(expected[static_cast<std::size_t>(i)]).has_value() == (i % 3 > 0));

  CancelToken cancel;
  DirectoriesAhead cancelled(tree, &cancel);
  cancelled.expect(expected, Below::not_ignored);
  cancel.cancel();
  CHECK(cancelled.children(expected[1]).error().kind() == ErrorKind::cancelled);
}
