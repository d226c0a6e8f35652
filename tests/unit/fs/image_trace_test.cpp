#include "fs/fuse/image_trace.hpp"

#include "base/encoding.hpp"
#include "tests/unit/fs/image_layers.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

using Lines = std::vector<std::string>;

constexpr auto k_nothing_written = [](const std::string&) -> std::uint32_t { return 0; };

// A tree to compare with: the same as `tree` when nothing else is done to it.
void fill(ImageLayers& layers) {
  layers.tree.file("0/diff/usr/include/a.h", "a");
  layers.tree.file("0/diff/usr/include/b.h", "b");
  layers.tree.file("0/diff/usr/bin/cc", "program");
  layers.tree.symlink("0/diff/usr/bin/gcc", "cc");
}

ImageUsage usage() {
  return {.found = {"usr", "usr/bin", "usr/bin/cc", "usr/bin/gcc", "usr/include", "usr/include/a.h"},
          .absent = {"usr/bin/ld"},
          .listed = {"usr/include"},
          .read = {"usr/bin/cc"},
          .asked = {}};
}

ImageTrace trace_of(ImageLayers& layers, const ImageUsage& used) {
  const auto view = layers.view();
  return must(trace_usage(used, *view, content_digest, k_nothing_written));
}

Lines differences(const ImageTrace& trace, ImageLayers& layers, std::size_t limit = 10) {
  const auto view = layers.view();
  return must(trace_differences(trace, *view, content_digest, limit));
}

}  // namespace

TEST_CASE("a trace holds in the tree that it is of, and in one that differs elsewhere") {
  ImageLayers first(1);
  fill(first);
  const ImageTrace trace = trace_of(first, usage());
  CHECK(trace.size() == 8);
  CHECK(differences(trace, first).empty());
  ImageLayers other(2);
  fill(other);
  other.tree.file("0/diff/usr/bin/more", "x");
  other.tree.file("1/diff/etc/motd", "x");
  CHECK(differences(trace, other).empty());
}

TEST_CASE("what was used and has another state is told") {
  ImageLayers first(1);
  fill(first);
  const ImageTrace trace = trace_of(first, usage());
  const auto after = [&](auto change) {
    ImageLayers other(1);
    fill(other);
    change(other.tree);
    return differences(trace, other);
  };
  CHECK(after([](TempTree& tree) { tree.file("0/diff/usr/bin/cc", "PROGRAM"); }) ==
        Lines{"/usr/bin/cc: its content"});
  CHECK(after([](TempTree& tree) { tree.file("0/diff/usr/bin/ld", ""); }) ==
        Lines{"/usr/bin/ld: it was not there"});
  CHECK(after([](TempTree& tree) { tree.file("0/diff/usr/include/c.h", ""); }) ==
        Lines{"/usr/include: the names in it"});
  CHECK(after([](TempTree& tree) {
          tree.remove("0/diff/usr/bin/gcc");
          tree.symlink("0/diff/usr/bin/gcc", "clang");
        }) == Lines{"/usr/bin/gcc: its target"});
  CHECK(after([](TempTree& tree) { tree.chmod("0/diff/usr/include", 0700); }) ==
        Lines{"/usr/include: its mode"});
  CHECK(after([](TempTree& tree) { tree.remove("0/diff/usr/include/a.h"); }) ==
        Lines{"/usr/include: the names in it", "/usr/include/a.h: it is gone"});
  // Looked up, but not read: its size tells nothing of its content.
  CHECK(after([](TempTree& tree) { tree.file("0/diff/usr/include/a.h", "A"); }).empty());
  CHECK(after([](TempTree& tree) { tree.file("0/diff/usr/include/a.h", "longer"); }) ==
        Lines{"/usr/include/a.h: its content"});
  CHECK(after([](TempTree& tree) { tree.time("0/diff/usr/include/a.h", 5); }) ==
        Lines{"/usr/include/a.h: its time"});
  // No part of the trace.
  CHECK(after([](TempTree& tree) { tree.file("0/diff/usr/include/b.h", "B"); }).empty());
}

TEST_CASE("the time of a directory counts for who asked for it") {
  ImageLayers first(1);
  fill(first);
  const auto changed = [](const ImageTrace& trace) {
    ImageLayers other(1);
    fill(other);
    other.tree.time("0/diff/usr/bin", 5);
    return differences(trace, other);
  };
  ImageUsage used = usage();
  CHECK(changed(trace_of(first, used)).empty());
  used.asked["usr/bin"] = {.before_listing = 1};
  CHECK(changed(trace_of(first, used)).empty());
  used.asked["usr/bin"] = {.plain = 1};
  CHECK(changed(trace_of(first, used)) == Lines{"/usr/bin: its time"});
  // The overlay asks once for a directory that it copies up.
  used.asked["usr/bin"] = {.before_xattrs = 1};
  CHECK(changed(trace_of(first, used)) == Lines{"/usr/bin: its time"});
  const auto view = first.view();
  const auto copied = [](const std::string& path) -> std::uint32_t {
    return path == "usr/bin" ? S_IFDIR : 0;
  };
  CHECK(changed(must(trace_usage(used, *view, content_digest, copied))).empty());
  used.asked["usr/bin"] = {.before_xattrs = 2};
  CHECK(changed(must(trace_usage(used, *view, content_digest, copied))) == Lines{"/usr/bin: its time"});
}

TEST_CASE("how a directory is divided into layers does not count for who asked for its status") {
  ImageLayers first(1);
  ImageLayers other(2);
  for (ImageLayers* layers : {&first, &other}) fill(*layers);
  other.tree.directory("0/diff/usr/bin/more");
  other.tree.file("1/diff/usr/bin/patched", "");
  for (const char* directory : {"usr", "usr/bin"}) {
    first.tree.time(ImageLayers::path(0, directory), 5);
    for (std::size_t layer : {0, 1}) other.tree.time(ImageLayers::path(layer, directory), 5);
  }
  ImageUsage used = usage();
  for (const char* directory : {"usr", "usr/bin"}) used.asked[directory] = {.plain = 1};
  CHECK(differences(trace_of(first, used), other).empty());
}

TEST_CASE("a file that was written over counts with its content, which says whether that was a change") {
  ImageLayers first(1);
  fill(first);
  const auto written = [](const std::string& path) -> std::uint32_t {
    return path == "usr/include/a.h" ? S_IFREG : 0;
  };
  const auto view = first.view();
  const ImageTrace trace = must(trace_usage(usage(), *view, content_digest, written));
  ImageLayers other(1);
  fill(other);
  other.tree.file("0/diff/usr/include/a.h", "A");
  CHECK(differences(trace, other) == Lines{"/usr/include/a.h: its content"});
}

TEST_CASE("which names are links of one file counts where links were used") {
  ImageLayers first(1);
  ImageLayers other(1);
  for (ImageLayers* layers : {&first, &other}) {
    const bool is_first = layers == &first;
    layers->tree.file("0/diff/a", "x");
    layers->tree.hardlink(is_first ? "0/diff/b" : "0/diff/c", "0/diff/a");
    layers->tree.file("0/diff/d", "x");
    layers->tree.hardlink(is_first ? "0/diff/c" : "0/diff/b", "0/diff/d");
  }
  const ImageUsage used{.found = {"a", "b", "c"}, .absent = {}, .listed = {}, .read = {}, .asked = {}};
  const ImageTrace trace = trace_of(first, used);
  CHECK(differences(trace, first).empty());
  CHECK(differences(trace, other) == Lines{"/b: its hard links", "/c: its hard links"});
}

TEST_CASE("a trace is the same after it was written and read") {
  ImageLayers layers(1);
  fill(layers);
  ImageUsage used = usage();
  used.asked["usr/include"] = {.plain = 1};
  const ImageTrace trace = trace_of(layers, used);
  const std::string bytes = encode_trace(trace);
  CHECK(decode_trace(bytes) == trace);
  CHECK(decode_trace(encode_trace({})) == ImageTrace());
  for (std::size_t size = 0; size < bytes.size(); size += 7)
    CHECK_FALSE(decode_trace(std::string_view(bytes).substr(0, size)));
  std::string other = bytes;
  other[0] = 9;
  CHECK_FALSE(decode_trace(other));
}

TEST_CASE("a trace with paths that no program has is none") {
  const auto read = [](const std::vector<std::string>& paths) {
    ImageTrace trace;
    for (const std::string& path : paths) trace.push_back({.path = path});
    return decode_trace(encode_trace(trace)) == trace;
  };
  CHECK(read({"", "//context/", "//context/a", "a", "a/..b", "a/b", "ab", "b/.c"}));
  for (const std::vector<std::string>& paths :
       std::vector<std::vector<std::string>>{{"", "b", "a"},
                                             {"a", ""},
                                             {"/a"},
                                             {"a/"},
                                             {"a//b"},
                                             {"."},
                                             {"a/./b"},
                                             {".."},
                                             {"a/../b"},
                                             {"a/.."},
                                             {std::string("a\0b", 3)},
                                             {std::string(5000, 'a')}}) {
    INFO(paths.back().substr(0, 20));
    CHECK_FALSE(read(paths));
  }
  // Few bytes that say: the path before, and one more letter.
  Encoder encoder;
  encoder.put(std::uint64_t{1}).put(std::uint64_t{1'000'000});
  for (std::uint64_t i = 0; i < 1'000'000; ++i) encoder.put(i).put("a").put_flag(false);
  CHECK_FALSE(decode_trace(encoder.bytes()));
}
