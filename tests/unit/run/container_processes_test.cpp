#include "run/container_processes.hpp"

#include <signal.h>
#include <unistd.h>

#include "base/child.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("the family of a process is its descendants and those in its pid namespace") {
  const std::vector<Relative> processes = {
      {.pid = 1, .parent = 0, .pid_namespace = 1},   {.pid = 10, .parent = 1, .pid_namespace = 7},
      {.pid = 12, .parent = 11, .pid_namespace = 7}, {.pid = 11, .parent = 10, .pid_namespace = 7},
      {.pid = 20, .parent = 1, .pid_namespace = 7},   // executed in it by somebody outside
      {.pid = 30, .parent = 12, .pid_namespace = 8},  // in a pid namespace of its own
      {.pid = 40, .parent = 1, .pid_namespace = 1},
  };
  CHECK(family_of(10, 7, processes) == std::vector<pid_t>{10, 11, 12, 20, 30});
  // Without a namespace of its own only descent counts.
  CHECK(family_of(10, 0, processes) == std::vector<pid_t>{10, 11, 12, 30});
  CHECK(family_of(99, 0, processes).empty());
}

TEST_CASE("signals reach the process that was meant") {
  Child child = Child::spawn({.argv = {"sleep", "1000"}}).value();
  ContainerRecord record{.id = "a", .process = name_process(child.pid()).value(), .own_pid_namespace = false};
  SECTION("the first process") {
    REQUIRE(signal_first_process(record, SIGTERM));
    CHECK(child.wait().value().signal == SIGTERM);
    const auto again = signal_first_process(record, SIGTERM);
    REQUIRE_FALSE(again);
    CHECK(again.error().kind() == ErrorKind::conflict);
    CHECK(again.error().message().find("container not running") != std::string::npos);
  }
  SECTION("never another one with its number") {
    record.process.start_time += 1;
    CHECK_FALSE(signal_first_process(record, SIGTERM));
    CHECK_FALSE(child.poll().value());
    REQUIRE(kill_container(record));
    CHECK_FALSE(child.poll().value());
  }
  SECTION("all that is left") {
    CHECK(container_processes(record).value() == std::vector<pid_t>{child.pid()});
    REQUIRE(kill_container(record));
    CHECK(child.wait().value().signal == SIGKILL);
    CHECK(container_processes(record).value().empty());
  }
}
