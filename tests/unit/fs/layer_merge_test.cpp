#include "fs/layer_merge.hpp"

#include "fs/lower_tree.hpp"
#include "fs/whiteout.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

/// The tree that these layers make.
std::string tree_of(const std::vector<std::string>& layers) {
  TempTree tree;
  LowerTree lower = must(LowerTree::of_layers(layers));
  must(materialise(lower, tree.root(), Hardlinks::keep));
  return describe(tree.root());
}

struct Three {
  TempTree bottom, middle, top;
  Three() {
    bottom.file("a", "1");
    bottom.file("d/gone", "x");
    bottom.file("d/kept", "x");
    bottom.file("replaced/old", "x");
    bottom.file("twice/old", "x");
    bottom.file("back", "x");
    middle.whiteout("a");
    middle.whiteout("d/gone");
    middle.file("replaced/new", "y");
    must(set_opaque(middle.root(), "replaced"));
    middle.whiteout("twice");
    middle.whiteout("back");
    middle.file("temporary", "t");
    middle.file("linked/one", "same");
    middle.hardlink("linked/two", "linked/one");
    top.file("a", "2");
    top.file("twice/new", "z");
    top.file("back", "x");
    top.whiteout("temporary");
  }
  std::vector<std::string> all() const { return {bottom.path(), middle.path(), top.path()}; }
};

}  // namespace

TEST_CASE("all layers become one without whiteouts") {
  const Three layers;
  TempTree merged;
  must(merge_layers(layers.all(), {}, merged.root()));
  CHECK(outline(merged.root()) ==
        "a back d/ d/kept linked/ linked/one linked/two replaced/ replaced/new twice/ twice/new");
  CHECK(describe(merged.root()) == tree_of(layers.all()));
  CHECK(merged.status("linked/one").st_nlink == 2);
}

TEST_CASE("the layers above a base become one changeset") {
  const Three layers;
  TempTree merged;
  must(merge_layers({layers.middle.path(), layers.top.path()}, {layers.bottom.path()}, merged.root()));
  // What the two did and undid again is not in it.
  CHECK(outline(merged.root()) ==
        "a d/ d/gone! linked/ linked/one linked/two replaced/ replaced/new replaced/old! twice/ twice/new "
        "twice/old!");
  CHECK(tree_of({layers.bottom.path(), merged.path()}) == tree_of(layers.all()));
}

TEST_CASE("a layer that hides everything below stays so") {
  const Three layers;
  TempTree fresh;
  fresh.file("only", "x");
  must(set_opaque(fresh.root(), "."));
  TempTree merged;
  must(merge_layers({layers.middle.path(), fresh.path()}, {layers.bottom.path()}, merged.root()));
  CHECK(tree_of({layers.bottom.path(), merged.path()}) ==
        tree_of({layers.bottom.path(), layers.middle.path(), fresh.path()}));
}

TEST_CASE("merging random layers keeps the tree") {
  const std::uint32_t seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  TempTree bottom, middle, top;
  fill_random(bottom, seed);
  fill_random(middle, seed + 100);
  fill_random(top, seed + 200);
  TempTree merged;
  must(merge_layers({middle.path(), top.path()}, {bottom.path()}, merged.root()));
  CHECK(tree_of({bottom.path(), merged.path()}) == tree_of({bottom.path(), middle.path(), top.path()}));
}

TEST_CASE("paths of layers tell what they do") {
  const Three layers;
  std::string text;
  for (const MergedPath& path : must(list_layer_paths({layers.middle.path(), layers.top.path()}))) {
    text += path.kind == MergedPath::Kind::written ? "" : path.kind == MergedPath::Kind::deleted ? "-" : "!";
    text += path.path + (path.is_directory ? "/ " : " ");
  }
  CHECK(
      text ==
      "/a /back /d/ -/d/gone /linked/ /linked/one /linked/two !/replaced/ /replaced/new -/temporary !/twice/ "
      "/twice/new ");
}
