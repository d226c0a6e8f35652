#include "run/monitor/health_check.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::run;
using std::chrono::milliseconds;

TEST_CASE("a container is healthy after one check, and unhealthy after several failures in a row") {
  const HealthCheck check{.args = {"true"}, .retries = 2};
  ContainerState state;
  state.health = k_starting;
  note_check(state, check, CheckResult::failed, milliseconds(1));
  CHECK(state.health == k_starting);
  note_check(state, check, CheckResult::passed, milliseconds(2));
  CHECK(state.health == k_healthy);
  CHECK(state.failing == 0);
  note_check(state, check, CheckResult::failed, milliseconds(3));
  CHECK(state.health == k_healthy);
  note_check(state, check, CheckResult::failed, milliseconds(4));
  CHECK(state.health == k_unhealthy);
  CHECK(state.failing == 2);
  note_check(state, check, CheckResult::passed, milliseconds(5));
  CHECK(state.health == k_healthy);
}

TEST_CASE("failures in the start period do not count, until a check passed") {
  const HealthCheck check{.args = {"true"}, .start_period = milliseconds(1000), .retries = 1};
  ContainerState state;
  state.health = k_starting;
  note_check(state, check, CheckResult::failed, milliseconds(10));
  CHECK(state.health == k_starting);
  CHECK(state.failing == 0);
  note_check(state, check, CheckResult::passed, milliseconds(20));
  note_check(state, check, CheckResult::failed, milliseconds(30));
  CHECK(state.health == k_unhealthy);
  state.health = k_starting;
  note_check(state, check, CheckResult::failed, milliseconds(1000));
  CHECK(state.health == k_unhealthy);
}
