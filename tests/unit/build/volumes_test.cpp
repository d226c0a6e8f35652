#include "build/volumes.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/build/fixture.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace ecrin::build::testing;

namespace {

struct Fixture {
  TemporaryDirectory directory;
  std::string root = directory.path() + "/store";
  std::unique_ptr<Store> store = Store::open(root).value();
  Volumes volumes = Volumes::open(*store).value();

  std::set<std::string> names() {
    std::set<std::string> result;
    const std::vector<Volume> all = volumes.list().value();
    for (const Volume& volume : all) result.insert(volume.name);
    return result;
  }
};

}  // namespace

TEST_CASE("a volume is there whole, with what is known of it") {
  Fixture fixture;
  REQUIRE(fixture.volumes.create({.name = "data", .created = 1000, .labels = {{"a", "b"}}}));
  const Volume volume = fixture.volumes.need("data").value();
  CHECK(volume.created == 1000);
  CHECK(volume.labels == std::map<std::string, std::string>{{"a", "b"}});
  CHECK_FALSE(volume.anonymous);
  CHECK(fixture.volumes.create({.name = "data"}).error().kind() == ErrorKind::conflict);
  CHECK(fixture.volumes.need("other").error().kind() == ErrorKind::not_found);
  for (const char* name : {"", "../x", "a/b", ".x", "-x"}) {
    CHECK_FALSE(fixture.volumes.create({.name = name}));
    CHECK_FALSE(fixture.volumes.find(name).value());
  }
  // An earlier version made nothing but the directory.
  write_file(fixture.root + "/volumes/old/data/file", "1");
  CHECK(fixture.names() == std::set<std::string>{"data", "old"});
  CHECK(posix::list_directory(fixture.store->temporary().value()).value().empty());
}

TEST_CASE("a volume in use is not removed: by a process, by a container") {
  Fixture fixture;
  REQUIRE(fixture.volumes.create({.name = "a"}));
  REQUIRE(fixture.volumes.create({.name = "b"}));
  REQUIRE(fixture.volumes.create({.name = "c"}));
  {
    auto other = Store::open(fixture.root).value();
    REQUIRE(Volumes::open(*other).value().hold("a").value());
    CHECK_FALSE(Volumes::open(*other).value().hold("none").value());
    CHECK(fixture.volumes.remove("a").error().kind() == ErrorKind::conflict);
  }
  REQUIRE(fixture.volumes.attach("container1", "/data", "b"));
  CHECK(fixture.volumes.containers_of("b").value() == std::vector<std::string>{"container1"});
  CHECK(fixture.volumes.remove("b").error().kind() == ErrorKind::conflict);
  const auto all = [](const Volume&) { return true; };
  CHECK(fixture.volumes.prune(all).value().names == std::vector<std::string>{"a", "c"});
  CHECK(fixture.names() == std::set<std::string>{"b"});
  CHECK(fixture.volumes.detach("container1").value().empty());
  REQUIRE(fixture.volumes.remove("b"));
  CHECK(fixture.volumes.remove("b").error().kind() == ErrorKind::not_found);
}

TEST_CASE("volumes that were made for a container are given back with it") {
  Fixture fixture;
  const std::string name = new_volume_name();
  CHECK(name.size() == 64);
  REQUIRE(fixture.volumes.create({.name = name, .anonymous = true}));
  REQUIRE(fixture.volumes.create({.name = "named"}));
  REQUIRE(fixture.volumes.attach("c", "/x", name));
  REQUIRE(fixture.volumes.attach("c", "/y", "named"));
  CHECK(fixture.volumes.attached("c").value() ==
        std::map<std::string, std::string>{{"/x", name}, {"/y", "named"}});
  CHECK(fixture.volumes.detach("c").value() == std::vector<std::string>{name});
  REQUIRE(fixture.volumes.remove(name));
  CHECK(fixture.names() == std::set<std::string>{"named"});
}

TEST_CASE("an empty volume gets what the image has there, once, and whole after a kill") {
  Fixture fixture;
  const std::string image = fixture.directory.path() + "/image";
  write_file(image + "/etc/app/one", "1");
  write_file(image + "/etc/app/sub/two", "2");
  const Fd rootfs = open_directory(image);
  REQUIRE(fixture.volumes.create({.name = "v"}));
  const std::string data = fixture.volumes.path("v");
  REQUIRE(fixture.volumes.fill("v", rootfs, "/nothing", nullptr));
  CHECK(posix::list_directory(open_directory(data)).value().empty());
  // Killed in the middle of the copy.
  write_file(fixture.root + "/volumes/v/filling/half", "h");
  REQUIRE(fixture.volumes.fill("v", rootfs, "/etc/app", nullptr));
  CHECK(read_file(data + "/one") == "1");
  CHECK(read_file(data + "/sub/two") == "2");
  CHECK_FALSE(posix::open(data + "/half", O_PATH));
  CHECK_FALSE(posix::open(fixture.root + "/volumes/v/filling", O_PATH));
  write_file(data + "/one", "mine");
  REQUIRE(fixture.volumes.fill("v", rootfs, "/etc/app", nullptr));
  CHECK(read_file(data + "/one") == "mine");
}

TEST_CASE("what a container wrote into a volume outlives every kill of a fill") {
  Fixture fixture;
  const std::string image = fixture.directory.path() + "/image";
  write_file(image + "/etc/app/one", "1");
  write_file(image + "/etc/app/two", "2");
  const Fd rootfs = open_directory(image);
  for (const std::string left : {"/filling", "/filling/one", "/filled/two"}) {
    const std::string name = "v" + std::to_string(left.size());
    REQUIRE(fixture.volumes.create({.name = name}));
    write_file(fixture.root + "/volumes/" + name + left, "2");
    // One that wants no copy has written meanwhile.
    write_file(fixture.volumes.path(name) + "/one", "mine");
    REQUIRE(fixture.volumes.fill(name, rootfs, "/etc/app", nullptr));
    CHECK(read_file(fixture.volumes.path(name) + "/one") == "mine");
    // A whole copy is moved to its end, a half one is not.
    CHECK(posix::open(fixture.volumes.path(name) + "/two", O_PATH).has_value() == (left == "/filled/two"));
    CHECK_FALSE(posix::open(fixture.root + "/volumes/" + name + "/filled", O_PATH));
  }
}

TEST_CASE("a volume that is mounted already is filled in its place") {
  Fixture fixture;
  const std::string image = fixture.directory.path() + "/image";
  write_file(image + "/etc/app/one", "1");
  REQUIRE(fixture.volumes.create({.name = "v"}));
  const Fd mounted = open_directory(fixture.volumes.path("v"));
  REQUIRE(fixture.volumes.fill("v", open_directory(image), "/etc/app", nullptr));
  CHECK(posix::exists_at(mounted, "one").value() == posix::Exists::yes);
}
