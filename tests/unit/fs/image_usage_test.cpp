#include "fs/fuse/image_usage.hpp"

#include <thread>

#include "base/text.hpp"

#include "tests/unit/fs/image_layers.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

using Paths = std::vector<std::string>;

// Looks a path up as the server does, name by name.
NodeId look_up(ImageView& view, UsageRecorder& recorder, const std::string& path) {
  NodeId node = k_root_node;
  for (const std::string& name : split(path, '/')) {
    const auto next = must(view.lookup(node, name));
    if (!next) {
      recorder.absent(node, name);
      return 0;
    }
    recorder.found(node, name, *next);
    node = *next;
  }
  return node;
}

}  // namespace

TEST_CASE("usage is the paths that were looked up, listed and read, once each") {
  ImageLayers layers(1);
  layers.tree.file("0/diff/usr/bin/cc", "x");
  layers.tree.file("0/diff/usr/bin/never", "x");
  const auto view = layers.view();
  UsageRecorder recorder(*view);
  CHECK(recorder.usage() == ImageUsage());
  for (int i = 0; i < 2; ++i) {
    const NodeId program = look_up(*view, recorder, "usr/bin/cc");
    recorder.read(program);
    CHECK(look_up(*view, recorder, "usr/bin/ld") == 0);
    CHECK(look_up(*view, recorder, "etc") == 0);
    recorder.listed(node_at(*view, "usr/bin"), 0);
  }
  (void)node_at(*view, "usr/bin/never");  // known to the view is not used
  recorder.listed(k_root_node, 0);
  const ImageUsage usage = recorder.usage();
  CHECK(usage.found == Paths{"usr", "usr/bin", "usr/bin/cc"});
  CHECK(usage.absent == Paths{"etc", "usr/bin/ld"});
  CHECK(usage.listed == Paths{"", "usr/bin"});
  CHECK(usage.read == Paths{"usr/bin/cc"});
  CHECK(usage.asked.empty());
}

TEST_CASE("the content of a hard link is that of all names by which it was found") {
  ImageLayers layers(1);
  layers.tree.file("0/diff/a", "x");
  layers.tree.hardlink("0/diff/b", "0/diff/a");
  layers.tree.hardlink("0/diff/c", "0/diff/a");
  const auto view = layers.view();
  UsageRecorder recorder(*view);
  recorder.read(look_up(*view, recorder, "b"));
  (void)look_up(*view, recorder, "c");
  CHECK(recorder.usage().found == Paths{"b", "c"});
  CHECK(recorder.usage().read == Paths{"b", "c"});
}

TEST_CASE("it tells for what a directory's attributes were asked") {
  ImageLayers layers(1);
  for (const char* name : {"a", "b", "c", "d"}) layers.tree.directory(std::string("0/diff/") + name);
  const auto view = layers.view();
  UsageRecorder recorder(*view);
  const auto node = [&](const char* name) { return node_at(*view, name); };
  recorder.asked(node("a"), 10);
  recorder.asked(node("b"), 11);
  recorder.listed(node("b"), 11);
  recorder.asked(node("c"), 10);
  recorder.asked(node("d"), 12);
  recorder.listed_xattrs(node("c"), 10);
  recorder.listed_xattrs(node("d"), 13);  // another thread
  recorder.asked(node("b"), 11);
  recorder.asked(node("a"), 0);
  recorder.listed(node("a"), 0);  // a thread that cannot be told apart
  const ImageUsage usage = recorder.usage();
  using Asked = ImageUsage::Asked;
  CHECK(usage.asked.at("a") == Asked{.plain = 2});
  CHECK(usage.asked.at("b") == Asked{.plain = 1, .before_listing = 1});
  CHECK(usage.asked.at("c") == Asked{.before_xattrs = 1});
  CHECK(usage.asked.at("d") == Asked{.plain = 1});
}

TEST_CASE("what is surely asked is not to be told again, and stays asked") {
  ImageLayers layers(1);
  layers.tree.directory("0/diff/d");
  const auto view = layers.view();
  const NodeId directory = node_at(*view, "d");
  const auto asked = [](const UsageRecorder& recorder) { return recorder.usage().asked.at("d"); };
  UsageRecorder twice(*view);
  CHECK_FALSE(twice.asked(directory, 10));
  CHECK(twice.asked(directory, 10));
  twice.listed(directory, 10);
  CHECK(asked(twice).plain == 2);
  UsageRecorder many(*view);
  for (const pid_t thread : {10, 11}) CHECK_FALSE(many.asked(directory, thread));
  CHECK(many.asked(directory, 12));
  for (const pid_t thread : {10, 11, 12}) many.listed_xattrs(directory, thread);
  CHECK(asked(many).plain == 3);
  UsageRecorder listing(*view);
  for (pid_t thread = 10; thread < 20; ++thread) {
    CHECK_FALSE(listing.asked(directory, thread));
    listing.listed(directory, thread);
  }
  CHECK(asked(listing) == ImageUsage::Asked{.before_listing = 10});
}

TEST_CASE("threads record at once") {
  ImageLayers layers(1);
  for (int i = 0; i < 50; ++i) layers.tree.file(fmt::format("0/diff/f{}", i), "x");
  const auto view = layers.view();
  UsageRecorder recorder(*view);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 50; ++i) {
          const NodeId node = view->lookup(k_root_node, fmt::format("f{}", i))->value();
          recorder.found(k_root_node, fmt::format("f{}", i), node);
          recorder.read(node);
          recorder.absent(k_root_node, fmt::format("absent{}", i));
          recorder.asked(k_root_node, thread + 1);
          recorder.listed(k_root_node, thread + 1);
        }
      });
    }
  }
  const ImageUsage usage = recorder.usage();
  CHECK(usage.found.size() == 50);
  CHECK(usage.read == usage.found);
  CHECK(usage.absent.size() == 50);
  const ImageUsage::Asked& asked = usage.asked.at("");
  CHECK(asked.plain + asked.before_listing == 200);
  CHECK(asked.before_xattrs == 0);
}
