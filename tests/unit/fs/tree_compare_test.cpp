#include "fs/tree_compare.hpp"

#include "fs/whiteout.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

std::string differences(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  LowerTree first = must(LowerTree::of_layers(before));
  LowerTree second = must(LowerTree::of_layers(after));
  std::string text;
  for (const Difference& difference : must(compare_trees(first, second))) {
    text += difference.kind == Difference::Kind::added     ? "A "
            : difference.kind == Difference::Kind::deleted ? "D "
                                                           : "C ";
    text += difference.path;
    for (const std::string_view name : difference.aspects.names()) text += " " + std::string(name);
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("trees of layers differ by what is not shared") {
  TempTree bottom;
  bottom.file("etc/passwd", "root");
  bottom.file("etc/hosts", "local");
  bottom.file("etc/old", "x");
  bottom.file("bin/tool", "1", 0755);
  bottom.file("d/sub/file", "x");
  bottom.directory("dir", 0755);
  bottom.file("file", "x");
  bottom.symlink("link", "a");
  TempTree one;
  one.file("etc/passwd", "ROOT");
  TempTree two;
  two.file("etc/passwd", "root and more");
  two.file("etc/hosts", "local", 0600);
  two.whiteout("etc/old");
  two.whiteout("d/sub");
  two.file("new/file", "x");
  two.file("dir", "a file now");
  two.whiteout("file");
  two.symlink("link", "b");
  CHECK(differences({bottom.path()}, {bottom.path()}) == "");
  CHECK(differences({bottom.path(), one.path()}, {bottom.path(), two.path()}) ==
        "D /d/sub\n"
        "C /dir type mode\n"
        "C /etc/hosts mode\n"
        "D /etc/old\n"
        "C /etc/passwd size content\n"
        "D /file\n"
        "C /link content\n"
        "A /new\n"
        "A /new/file\n");
  CHECK(differences({}, {one.path()}) == "A /etc\nA /etc/passwd\n");
  CHECK(differences({one.path()}, {}) == "D /etc\n");
  // A file that became a directory, with something in it.
  CHECK(differences({bottom.path(), two.path()}, {bottom.path()}).find("C /dir type mode\n") !=
        std::string::npos);
}

TEST_CASE("equal files in different layers do not differ, and times are told") {
  TempTree first;
  first.file("same", "x");
  first.file("touched", "x");
  TempTree second;
  second.file("same", "x");
  second.file("touched", "x");
  second.time("touched", 5000);
  CHECK(differences({first.path()}, {second.path()}) == "C /touched time\n");
}

TEST_CASE("shared layers are not read") {
  TempTree shared;
  shared.file("closed/file", "x");
  shared.file("open/file", "x");
  TempTree top;
  top.file("open/other", "y");
  // Nothing in it could be told apart any more if somebody looked: the walk must not come here.
  LowerTree before = must(LowerTree::of_layers({shared.path()}));
  LowerTree after = must(LowerTree::of_layers({shared.path(), top.path()}));
  must(before.enter("closed"));
  must(after.enter("closed"));
  CHECK(must(before.parts()) == must(after.parts()));
  must(before.leave());
  must(after.leave());
  must(before.enter("open"));
  must(after.enter("open"));
  CHECK(must(before.parts()) != must(after.parts()));
}
