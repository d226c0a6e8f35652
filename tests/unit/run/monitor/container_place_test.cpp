#include "run/monitor/container_place.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;
using ecrin::test::TempDirectory;
using namespace std::chrono_literals;

TEST_CASE("the lock of a container's directory: one holder, and those who look do not hinder each other") {
  const TempDirectory directory;
  const auto store = Store::open(directory.path() + "/store").value();
  {
    const ContainerPlace::Made made = ContainerPlace::make(*store, "a").value();
    CHECK(made.place.is_locked().value());
    CHECK_FALSE(made.place.lock(0ms).value());
    CHECK_FALSE(made.place.keep_idle().value());
    CHECK(unlocked_places(*store).value().empty());
  }
  const ContainerPlace place = ContainerPlace::open(*store, "a").value();
  {
    const auto idle = place.keep_idle().value();
    CHECK(idle);
    CHECK(place.keep_idle().value());
    CHECK_FALSE(place.is_locked().value());
    CHECK_FALSE(place.lock(0ms).value());
  }
  CHECK(place.lock(0ms).value());
}

TEST_CASE("a container's directory that is being deleted gets no new lock") {
  const TempDirectory directory;
  const auto store = Store::open(directory.path() + "/store").value();
  const ContainerPlace::Made made = ContainerPlace::make(*store, "a").value();
  REQUIRE(posix::unlink_at(made.place.directory(), "lock"));
  const auto lock = made.place.lock(0ms);
  REQUIRE_FALSE(lock);
  CHECK(lock.error().kind() == ErrorKind::not_found);
  CHECK(posix::exists_at(made.place.directory(), "lock").value() == posix::Exists::no);
  REQUIRE(remove_container_place(*store, "a"));
  CHECK(made.place.lock(0ms).error().kind() == ErrorKind::not_found);
}
