#include "fs/layer_roots.hpp"

#include <unistd.h>

#include "fs/lower_tree.hpp"
#include "fs/whiteout.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

// Longer than a tick of the clock that change times come from.
void let_settle() {
  ::usleep(40'000);
}

}  // namespace

TEST_CASE("the names in a root are known from the second look on, until they change") {
  TempTree layer;
  layer.file("b");
  layer.file("a/deep");
  let_settle();
  CHECK_FALSE(must(open_layer_roots({layer.path()})).visible[0].names);
  const auto names = must(open_layer_roots({layer.path()})).visible[0].names;
  REQUIRE(names);
  CHECK(*names == Names{"a", "b"});
  layer.file("c");
  CHECK_FALSE(must(open_layer_roots({layer.path()})).visible[0].names);
}

TEST_CASE("marks that change are seen, however often the root was looked at") {
  if (!has_xattrs()) return;
  TempTree bottom;
  TempTree top;
  bottom.file("hidden");
  let_settle();
  for (int i = 0; i < 3; ++i) {
    const LayerRoots roots = must(open_layer_roots({bottom.path(), top.path()}));
    CHECK(roots.visible.size() == 2);
    CHECK_FALSE(roots.has_mark);
  }
  must(set_opaque(top.root(), "."));
  top.chmod(".", 0711);
  must(put_root_mark(top.root(), RootMark::present));
  const LayerRoots roots = must(open_layer_roots({bottom.path(), top.path()}));
  CHECK(roots.visible.size() == 1);
  CHECK(roots.hides_below);
  CHECK(roots.has_mark);
  CHECK(roots.metadata.mode == 0711);
}

TEST_CASE("a root with very many names is not kept, and looked up all the same") {
  TempTree layer;
  for (int i = 0; i < 400; ++i) layer.file("file" + std::to_string(i));
  let_settle();
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(must(open_layer_roots({layer.path()})).visible[0].names);
    CHECK(must(must(LowerTree::of_layers({layer.path()})).lookup("file7")));
  }
}

TEST_CASE("a tree of layers says the same whether its roots are known or not") {
  TempTree bottom;
  bottom.file("gone");
  bottom.file("d/below");
  bottom.file("stays");
  TempTree top;
  top.whiteout("gone");
  top.file("d/above");
  let_settle();
  for (int i = 0; i < 3; ++i) {
    LowerTree tree = must(LowerTree::of_layers({bottom.path(), top.path()}));
    CHECK_FALSE(must(tree.lookup("gone")));
    CHECK_FALSE(must(tree.lookup("never")));
    CHECK(must(tree.lookup("stays")));
    must(tree.enter("d"));
    CHECK(must(tree.lookup("above")));
    CHECK(must(tree.lookup("below")));
    CHECK_FALSE(must(tree.lookup("stays")));
    must(tree.leave());
    must(tree.enter("never"));
    CHECK_FALSE(must(tree.lookup("above")));
  }
}

TEST_CASE("a tree goes from any directory to any other") {
  TempTree layer;
  layer.file("a/b/c/file");
  layer.file("a/other/file");
  layer.file("file");
  LowerTree tree = must(LowerTree::of_layers({layer.path()}));
  for (const char* path : {"a/b/c", "a/other", "a/b/c", "", "a/nowhere/at/all", "a/other", ""}) {
    must(tree.go_to(path));
    const std::string expected = std::string(path).empty() ? "file" : std::string(path) + "/file";
    CHECK(must(tree.lookup("file")).has_value() == layer.exists(expected));
  }
  must(tree.go_to("a/other"));
  must(tree.go_to("a"));
  CHECK(must(tree.names()) == Names{"b", "other"});
}
