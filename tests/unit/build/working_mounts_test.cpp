#include "build/working_mounts.hpp"

#include <filesystem>

#include "base/posix.hpp"
#include "build/layer_hasher.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::build::testing;

namespace {

void check_layers(Workshop& workshop) {
  const std::vector<fs::Layer> layers = workshop.layers().list().value();
  for (const fs::Layer& layer : layers) {
    if (layer.diff_id.empty()) continue;
    const Fd directory = open_directory(workshop.layers().path(layer));
    CHECK(hash_layer(directory, {}, nullptr).value().diff_id == layer.diff_id);
  }
}

}  // namespace

TEST_CASE("what was taken once stays as it was when a kill came before the mount's end was recorded") {
  const TemporaryDirectory directory;
  const auto workshop = open_workshop(directory.path() + "/store");
  const CancelToken never;
  WorkingContainers containers(workshop->store());
  WorkingMounts mounts(workshop->store());
  const WorkingContainer before{.name = "c", .image = "scratch", .tree_key = "start"};
  REQUIRE(containers.add(before));
  const WorkingMount mount = mount_container(*workshop, before, std::nullopt, never).value();
  write_file(mounts.path(mount) + "/first", "1\n");
  const std::string kept = directory.path() + "/kept";
  std::filesystem::copy(mounts.directory(mount), kept, std::filesystem::copy_options::recursive);
  WorkingContainer once = before;
  REQUIRE(take_written(*workshop, once, mount, {}, never));
  REQUIRE(once.steps.size() == 1);
  check_layers(*workshop);

  // The container and its mount as they were; the layer and the result in the cache are there already.
  REQUIRE(containers.update(before));
  std::filesystem::rename(kept, mounts.directory(mount));
  REQUIRE(mounts.put(mount));
  write_file(mounts.path(mount) + "/second", "2\n");
  WorkingContainer twice = before;
  REQUIRE(take_written(*workshop, twice, mount, {}, never));
  REQUIRE(twice.steps.size() == 1);
  check_layers(*workshop);
  CHECK(twice.steps[0].layer != once.steps[0].layer);
  CHECK_FALSE(mounts.find("c").value());
  const auto layer = workshop->layers().find_id(twice.steps[0].layer).value();
  REQUIRE(layer);
  CHECK(read_file(workshop->layers().path(*layer) + "/second") == "2\n");
}
