#include "run/monitor/container_table.hpp"

#include "base/store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;
using ecrin::test::TempDirectory;

namespace {

StoredContainer record(const std::string& id, const std::string& name) {
  StoredContainer record;
  record.id = id + std::string(64 - id.size(), '0');
  record.name = name;
  record.created = 5;
  record.image = "debian:12";
  record.image_id = "sha256:aa";
  record.manifest = "sha256:bb";
  record.layers = {"l1", "l2"};
  record.labels = {{"a", "1"}, {"b", ""}};
  record.request = "{}";
  return record;
}

}  // namespace

TEST_CASE("containers are found by name, by ID and by the beginning of one ID") {
  const TempDirectory directory;
  auto store = Store::open(directory.path() + "/store");
  REQUIRE(store);
  REQUIRE(ContainerTable::migrate((*store)->database()));
  ContainerTable table((*store)->database());
  REQUIRE(table.add(record("abc1", "one")));
  REQUIRE(table.add(record("abd2", "two")));
  // A name wins over the beginning of an ID.
  REQUIRE(table.add(record("ff", "abc")));
  CHECK(table.find("one").value().id.starts_with("abc1"));
  CHECK(table.find("abc1").value().name == "one");
  CHECK(table.find("abc").value().name == "abc");
  CHECK(table.find("ab").error().kind() == ErrorKind::invalid);
  CHECK(table.find("9").error().kind() == ErrorKind::not_found);
  CHECK(table.find("").error().kind() == ErrorKind::not_found);
  CHECK(table.add(record("123", "one")).error().kind() == ErrorKind::conflict);
  CHECK(table.set_name(record("abd2", "").id, "one").error().kind() == ErrorKind::conflict);
  REQUIRE(table.set_name(record("abd2", "").id, "three"));
  CHECK(table.find("three").value().id.starts_with("abd2"));
  CHECK(table.list().value().size() == 3);
}

TEST_CASE("a row gives back what was put into it, and holds image and layers") {
  const TempDirectory directory;
  auto store = Store::open(directory.path() + "/store");
  REQUIRE(store);
  REQUIRE(ContainerTable::migrate((*store)->database()));
  ContainerTable table((*store)->database());
  const StoredContainer written = record("abc", "one");
  REQUIRE(table.add(written));
  StoredContainer read = table.find("one").value();
  CHECK(read.labels == written.labels);
  CHECK(read.layers == written.layers);
  CHECK(read.created == written.created);
  CHECK(read.state == ContainerState{});
  const ContainerState state{.status = LifeStatus::exited,
                             .exit_code = 137,
                             .started = 1'700'000'000'123'456'789,
                             .finished = 1'700'000'001'123'456'789,
                             .pid = 0,
                             .monitor = 12,
                             .out_of_memory = true,
                             .restarts = 3,
                             .error = "some \"thing\"",
                             .health = "healthy",
                             .failing = 2};
  REQUIRE(table.set_state(written.id, state));
  CHECK(table.find("one").value().state == state);
  CHECK(table.needs().value().layers == written.layers);
  CHECK(table.needs().value().manifests == std::vector<std::string>{"sha256:bb"});
  REQUIRE(table.remove(written.id));
  REQUIRE(table.remove(written.id));
  CHECK(table.needs().value().layers.empty());
}

TEST_CASE("states have words") {
  for (const auto status : {LifeStatus::created, LifeStatus::running, LifeStatus::stopping,
                            LifeStatus::restarting, LifeStatus::exited})
    CHECK(parse_status(to_string(status)).value() == status);
  CHECK_FALSE(parse_status("gone"));
}

TEST_CASE("states and requests of containers are kept") {
  const TempDirectory directory;
  auto store = Store::open(directory.path() + "/store");
  REQUIRE(store);
  REQUIRE(ContainerTable::migrate((*store)->database()));
  ContainerTable table((*store)->database());
  const StoredContainer one = record("abc1", "one");
  REQUIRE(table.add(one));
  ContainerState state;
  state.status = LifeStatus::paused;
  state.ports = parse_published_ports("8080-8081:80-81").value();
  state.ports.push_back(parse_published_ports("[::1]:53:53/udp").value().front());
  REQUIRE(table.set_state(one.id, state));
  REQUIRE(table.set_request(one.id, R"({"a":1})"));
  CHECK(table.find("one")->state == state);
  CHECK(table.find("one")->request == R"({"a":1})");
}
