// Which files nobody read, on layer directories of a test.
#include "build/unused_files.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

using Lines = std::vector<std::string>;

struct Layers {
  testing::TemporaryDirectory scratch;
  std::vector<std::string> paths;  // bottom first

  explicit Layers(std::size_t count) {
    for (std::size_t layer = 0; layer < count; ++layer) {
      paths.push_back(scratch.path() + "/" + std::to_string(layer) + "/diff");
      testing::write_file(paths.back() + "/etc/made", "");
    }
  }
  void file(std::size_t layer, const std::string& path, std::size_t size) const {
    testing::write_file(paths[layer] + "/" + path, std::string(size, 'x'));
  }
};

fs::TracedPath read(const std::string& path) {
  return {.path = path, .is_there = true, .mode = S_IFREG | 0644, .content = std::string(16, 'd')};
}
fs::TracedPath seen(const std::string& path, std::uint32_t type = S_IFREG) {
  return {.path = path, .is_there = true, .mode = type | 0644};
}

UnusedFiles find(const Layers& layers, const std::vector<LayersTrace>& traces) {
  auto found = find_unused_files(layers.paths, traces);
  if (!found) FAIL(found.error().message());
  return std::move(*found);
}

Lines lines(const UnusedFiles& files) {
  Lines told;
  for (const UnusedFiles::Place& place : files.places)
    told.push_back(fmt::format("{} {} {}", place.path, place.sum.bytes, place.sum.files));
  return told;
}

}  // namespace

TEST_CASE("files that nobody read are told, and directories of nothing else as a whole") {
  const Layers layers(1);
  layers.file(0, "bin/used", 10);
  layers.file(0, "bin/unused", 20);
  layers.file(0, "share/doc/a", 30);
  layers.file(0, "share/doc/b", 40);
  layers.file(0, "share/man/c", 0);
  const fs::ImageTrace trace = {read("bin/used"), seen("bin/unused"), {.path = "share/none"}};
  const UnusedFiles files = find(layers, {{.trace = &trace, .layers = 1}});
  CHECK(lines(files) == Lines{"share/ 70 3", "bin/unused 20 1"});
  CHECK(files.all.bytes == 100);
  CHECK(files.all.files == 6);
  CHECK(files.unused.bytes == 90);
  CHECK(files.unused.files == 5);
  CHECK(lines(find(layers, {})) == Lines{" 100 6"});
}

TEST_CASE("who read a file below did not read the one that covers it") {
  const Layers layers(3);
  layers.file(0, "etc/a", 10);
  layers.file(1, "etc/a", 20);
  layers.file(0, "etc/b", 1);
  const fs::ImageTrace trace = {read("etc/a"), read("etc/b")};
  CHECK(lines(find(layers, {{.trace = &trace, .layers = 1}})) == Lines{"etc/a 20 1"});
  CHECK(find(layers, {{.trace = &trace, .layers = 1}}).all.bytes == 21);
  CHECK(lines(find(layers, {{.trace = &trace, .layers = 2}})).empty());
}

TEST_CASE("hard links count once, and are read by any of their names") {
  const Layers layers(1);
  layers.file(0, "bin/a", 10);
  REQUIRE(::link((layers.paths[0] + "/bin/a").c_str(), (layers.paths[0] + "/bin/b").c_str()) == 0);
  const UnusedFiles none = find(layers, {});
  CHECK(none.all.bytes == 10);
  CHECK(none.unused.bytes == 10);
  const fs::ImageTrace trace = {read("bin/b")};
  CHECK(find(layers, {{.trace = &trace, .layers = 1}}).unused.bytes == 0);
}

TEST_CASE("a directory through which somebody came by a symlink does not go as a whole") {
  const Layers layers(1);
  layers.file(0, "lib/big", 10);
  REQUIRE(::symlink("elsewhere", (layers.paths[0] + "/lib/link").c_str()) == 0);
  const fs::ImageTrace trace = {seen("lib", S_IFDIR), seen("lib/link", S_IFLNK)};
  CHECK(lines(find(layers, {{.trace = &trace, .layers = 1}})) == Lines{"lib/big 10 1"});
}

TEST_CASE("a layer that is there twice counts from its lower place on") {
  Layers layers(2);
  layers.file(0, "lib/a", 10);
  layers.paths.push_back(layers.paths[0]);
  const fs::ImageTrace trace = {read("lib/a")};
  CHECK(find(layers, {{.trace = &trace, .layers = 1}}).unused.bytes == 0);
}
