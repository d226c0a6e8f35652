#include "build/image_mounts.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::build::testing;

TEST_CASE("a mount lives as long as its lease, a copy until it is removed") {
  const TemporaryDirectory directory;
  auto store = Store::open(directory.path() + "/store").value();
  ImageMounts mounts = ImageMounts::open(*store).value();
  {
    auto other = Store::open(directory.path() + "/store").value();
    REQUIRE(mounts.make_directory("served"));
    REQUIRE(mounts.put({.id = "served",
                        .manifest = "m1",
                        .image = "i1",
                        .kind = ImageMount::Kind::fuse,
                        .lease = other->lease()}));
    REQUIRE(mounts.make_directory("copied"));
    REQUIRE(mounts.put({.id = "copied", .manifest = "m2", .image = "i2"}));
    CHECK(mounts.list().value().size() == 2);
    CHECK(mounts.mounted_manifests().value() == std::set<std::string>{"m1", "m2"});
    CHECK(mounts.dead().value().empty());
  }
  REQUIRE(mounts.list().value().size() == 1);
  CHECK(mounts.list().value().front().id == "copied");
  const auto dead = mounts.dead().value();
  REQUIRE(dead.size() == 1);
  CHECK(dead.front().id == "served");
  REQUIRE(mounts.remove(dead.front()));
  REQUIRE(mounts.remove(mounts.list().value().front()));
  CHECK(mounts.list().value().empty());
  CHECK(mounts.dead().value().empty());
  CHECK(posix::list_directory(store->subdirectory("mounts").value()).value().empty());
}

TEST_CASE("a lease may live as long as another one") {
  const TemporaryDirectory directory;
  const std::string root = directory.path() + "/store";
  auto session = Store::open(root).value();
  std::string tied;
  {
    auto mounter = Store::open(root).value();
    tied = mounter->lease();
    REQUIRE(mounter->hold("layer", "one"));
    REQUIRE(mounter->tie_lease_to(session->lease()));
  }
  auto store = Store::open(root).value();
  CHECK(store->is_alive(tied).value());
  REQUIRE(store->dead_leases());
  CHECK(store->held("layer").value() == std::vector<std::string>{"one"});
  session.reset();
  CHECK_FALSE(store->is_alive(tied).value());
  REQUIRE(store->dead_leases());
  CHECK(store->held("layer").value().empty());
}
