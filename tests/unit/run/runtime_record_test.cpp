#include "run/runtime_record.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/child.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/run/some_record.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("ids are file names of few characters") {
  for (const char* id : {"a", "A-b_c+d.e", "-x", "0"}) CHECK(check_container_id(id));
  CHECK(check_container_id(std::string(255, 'x')));
  for (const std::string& id :
       {std::string(), std::string("."), std::string(".."), std::string(".a"), std::string("a/b"),
        std::string("a b"), std::string("a\n"), std::string("\xc3\xa9"), std::string("a\0b", 3),
        std::string(256, 'x'), std::string(1025, 'x')}) {
    INFO(id);
    CHECK_FALSE(check_container_id(id));
  }
}

TEST_CASE("a record is written and read") {
  const ContainerRecord record = record_of("c1");
  CHECK(record_from_json(record_to_json(record).dump()).value() == record);
  for (const char* text :
       {"", "[]", "{\"pid\": \"x\"}", "{\"pid\": -1}", "{\"pid\": 2147483648}", "{\"pid\": 4294967295}",
        "{\"owner\": 4294967296}", "{\"annotations\": 3}", "{\"id\": 3}"}) {
    INFO(text);
    CHECK_FALSE(record_from_json(text));
  }
}

TEST_CASE("the state has the words of the runtime-spec") {
  const Json state = state_document(record_of("c1"), ContainerStatus::running);
  CHECK(state["ociVersion"] == "1.2.0");
  CHECK(state["id"] == "c1");
  CHECK(state["status"] == "running");
  CHECK(state["pid"] == 42);
  CHECK(state["bundle"] == "/b");
  CHECK(state["annotations"]["a.b"] == "c\n");
  CHECK(state_document(record_of("c1"), ContainerStatus::stopped)["pid"] == 0);
  const std::string now = creation_time();
  CHECK(now.size() == std::string("2026-01-31T12:00:00.123456789Z").size());
}

TEST_CASE("a process is told from a later one with its number") {
  ProcessName name = name_process(::getpid()).value();
  CHECK(is_alive(name));
  SECTION("another start time") {
    name.start_time += 1;
    CHECK_FALSE(is_alive(name));
  }
  SECTION("another boot") {
    name.boot = "other";
    CHECK_FALSE(is_alive(name));
  }
  SECTION("no process") {
    CHECK_FALSE(is_alive({}));
  }
  SECTION("one that has ended and was not waited for") {
    Child child = Child::spawn({.argv = {"true"}}).value();
    const ProcessName its{.pid = child.pid(), .start_time = 0, .boot = name.boot};
    for (int attempt = 0; attempt < 1000; ++attempt) {
      const auto found = name_process(child.pid());
      if (!found || !is_alive(*found)) break;
      ::usleep(10'000);
    }
    const auto found = name_process(child.pid());
    REQUIRE(found);
    CHECK_FALSE(is_alive(*found));
  }
}
