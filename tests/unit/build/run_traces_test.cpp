// What several runs used of one image.
#include "build/run_traces.hpp"

#include <sys/stat.h>

#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

fs::TracedPath there(const std::string& path, const std::string& content = "") {
  return {.path = path, .is_there = true, .mode = S_IFREG | 0644, .content = content};
}
fs::TracedPath absent(const std::string& path) {
  return {.path = path};
}

}  // namespace

TEST_CASE("traces of one tree add up, path by path") {
  const std::string digest(16, 'd');
  const fs::ImageTrace first = {there("a", digest), absent("b"), there("d")};
  const fs::ImageTrace second = {there("a"), there("c"), there("d", digest), absent("e")};
  const fs::ImageTrace both = {there("a", digest), absent("b"), there("c"), there("d", digest), absent("e")};
  CHECK(merge_traces(first, second) == both);
  CHECK(merge_traces(second, first) == both);
  CHECK(merge_traces(first, {}) == first);
  CHECK(merge_traces({}, first) == first);
}

TEST_CASE("what one trace tells of a directory and another does not, both tell together") {
  fs::TracedPath directory{.path = "d", .is_there = true, .mode = S_IFDIR | 0755};
  fs::TracedPath timed = directory, listed = directory;
  timed.has_time = true;
  timed.seconds = 7;
  listed.names = std::string(16, 'n');
  fs::TracedPath both = timed;
  both.names = listed.names;
  CHECK(merge_traces({timed}, {listed}) == fs::ImageTrace{both});
  CHECK(merge_traces({listed}, {timed}) == fs::ImageTrace{both});
}

TEST_CASE("runs are kept by image, and by how much of it they stood on") {
  testing::TemporaryDirectory scratch;
  const auto workshop = testing::open_workshop(scratch.path() + "/store");
  Database& database = workshop->store().database();
  RunTraces traces(database);
  REQUIRE(traces.add("sha256:1", 3, {there("a")}, 10));
  REQUIRE(traces.add("sha256:1", 3, {there("b")}, 20));
  REQUIRE(traces.add("sha256:1", 2, {there("c")}, 30));
  REQUIRE(traces.add("sha256:2", 1, {there("d")}, 40));
  const auto first = traces.of("sha256:1");
  REQUIRE(first);
  REQUIRE(first->size() == 2);
  CHECK((*first)[0].layers == 2);
  CHECK((*first)[0].runs == 1);
  CHECK((*first)[0].trace == fs::ImageTrace{there("c")});
  CHECK((*first)[1].layers == 3);
  CHECK((*first)[1].runs == 2);
  CHECK((*first)[1].trace == fs::ImageTrace{there("a"), there("b")});

  REQUIRE(forget_run_traces(database, {"sha256:2", "sha256:3"}));
  CHECK(traces.of("sha256:1")->empty());
  CHECK(traces.of("sha256:2")->size() == 1);
}
