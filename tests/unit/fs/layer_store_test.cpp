#include "fs/layer_store.hpp"

#include "fs/tree.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

Layer publish(LayerStore& layers, const std::string& content) {
  LayerDraft draft = must(layers.draft());
  const Fd file = must(posix::open_at(draft.diff(), "file", O_WRONLY | O_CREAT, 0644));
  must(posix::write_full(file, content));
  return must(layers.publish(std::move(draft)));
}

struct Opened {
  std::unique_ptr<Store> store;
  std::unique_ptr<LayerStore> layers;
  explicit Opened(const TempTree& tree)
      : store(must(Store::open(tree.path() + "/store"))), layers(must(LayerStore::open(*store))) {}
};

}  // namespace

TEST_CASE("a layer goes from draft to its diff ID") {
  TempTree tree;
  Opened opened(tree);
  LayerStore& layers = *opened.layers;
  const Layer layer = publish(layers, "1");
  CHECK(layer.diff_id.empty());
  CHECK(must(posix::read_file(layers.path(layer) + "/file")) == "1");
  CHECK(must(posix::exists_at(must(layers.open_layer(layer)), "file")) == posix::Exists::yes);
  CHECK((must(posix::stat_fd(must(layers.open_layer(layer)))).st_mode & 07777) == 0755);
  CHECK_FALSE(must(layers.find("sha256:1")));

  CHECK(must(layers.seal(layer.id, "sha256:1", 42)).id == layer.id);
  const auto found = must(layers.find("sha256:1"));
  REQUIRE(found);
  CHECK(found->id == layer.id);
  CHECK(found->size == 42);
  CHECK(must(layers.find_id(layer.id))->diff_id == "sha256:1");
  CHECK(must(opened.store->held("layer")) == std::vector<std::string>{layer.id});
  // Nothing of the draft is left.
  CHECK(must(posix::list_directory(must(opened.store->temporary()))).empty());
}

TEST_CASE("two layers with one diff ID: the first is it") {
  TempTree tree;
  Opened opened(tree);
  const Layer first = publish(*opened.layers, "1");
  const Layer second = publish(*opened.layers, "1");
  must(opened.layers->seal(first.id, "sha256:1", 42));
  CHECK(must(opened.layers->seal(second.id, "sha256:1", 42)).id == first.id);
  CHECK(must(opened.layers->find_id(second.id))->diff_id.empty());
  CHECK_FALSE(opened.layers->seal("unknown", "sha256:2", 1));
}

TEST_CASE("a draft that is not published goes, unless it is kept") {
  TempTree tree;
  std::string kept;
  {
    Opened opened(tree);
    std::string dropped;
    {
      LayerDraft draft = must(opened.layers->draft());
      dropped = draft.path();
      must(posix::mkdir_at(draft.diff(), "locked", 0));
      LayerDraft other = must(opened.layers->draft());
      kept = other.path();
      other.keep();
    }
    CHECK_FALSE(posix::open(dropped, O_PATH));
    CHECK(posix::open(kept + "/diff", O_PATH));
  }
}

TEST_CASE("a layer that was not synced before a reboot is dropped") {
  TempTree tree;
  Layer synced;
  Layer lost;
  {
    Opened opened(tree);
    synced = publish(*opened.layers, "1");
    must(opened.layers->sync());
    lost = publish(*opened.layers, "2");
  }
  {
    const Opened same_boot(tree);
    CHECK(must(same_boot.layers->list()).size() == 2);
    must(same_boot.store->database().execute("UPDATE layers SET boot_id = 'earlier'"));
  }
  const Opened opened(tree);
  const auto layers = must(opened.layers->list());
  REQUIRE(layers.size() == 1);
  CHECK(layers[0].id == synced.id);
  CHECK_FALSE(posix::open(opened.layers->path(lost), O_PATH));
  CHECK(must(posix::list_directory(must(opened.store->temporary()))).empty());
}

TEST_CASE("directories of retired layers stay until the sweep, as forgotten ones do") {
  TempTree tree;
  Opened opened(tree);
  const Layer layer = publish(*opened.layers, "1");
  const Layer stays = publish(*opened.layers, "2");
  {
    auto transaction = must(opened.store->database().begin());
    must(opened.layers->retire(layer.id));
    // Not committed: the row comes back, and its directory must still be there.
  }
  CHECK(must(opened.layers->sweep()).empty());
  CHECK(posix::open(opened.layers->path(layer), O_PATH));
  must(opened.layers->retire(layer.id));
  CHECK_FALSE(must(opened.layers->find_id(layer.id)));
  CHECK_FALSE(opened.layers->retire(layer.id));

  must(posix::mkdir_at(must(opened.store->subdirectory("layers")), "orphan", 0700));
  CHECK(must(opened.layers->sweep()).size() == 2);
  CHECK(must(posix::list_directory(must(opened.store->subdirectory("layers")))).size() == 1);
  CHECK(must(opened.layers->find_id(stays.id)));
}

TEST_CASE("many layers are found and held together") {
  TempTree tree;
  Opened opened(tree);
  LayerStore& layers = *opened.layers;
  const Layer first = publish(layers, "1");
  const Layer second = publish(layers, "2");
  must(layers.seal(first.id, "sha256:1", 1));
  must(layers.seal(second.id, "sha256:2", 2));
  const auto found = must(layers.find_each({"sha256:2", "sha256:3", "sha256:1"}));
  REQUIRE(found.size() == 3);
  CHECK(found[0]->id == second.id);
  CHECK_FALSE(found[1]);
  CHECK(found[2]->id == first.id);
  CHECK(must(layers.find_each_id({first.id, "none"})).front()->diff_id == "sha256:1");
  CHECK(must(layers.find_each({})).empty());
  auto transaction = must(opened.store->database().begin());
  CHECK(must(layers.find_id(second.id, transaction))->size == 2);
  must(transaction.commit());
}
