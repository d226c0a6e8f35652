#include "run/monitor/restart_policy.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;
using Kind = RestartPolicy::Kind;

TEST_CASE("restart policies are read as podman has them") {
  CHECK(parse_restart_policy("no").value() == RestartPolicy{});
  CHECK(parse_restart_policy("never").value() == RestartPolicy{});
  CHECK(parse_restart_policy("").value() == RestartPolicy{});
  CHECK(parse_restart_policy("always").value().kind == Kind::always);
  CHECK(parse_restart_policy("unless-stopped").value().kind == Kind::unless_stopped);
  CHECK(parse_restart_policy("on-failure").value() == RestartPolicy{.kind = Kind::on_failure});
  CHECK(parse_restart_policy("on-failure:3").value() == RestartPolicy{.kind = Kind::on_failure, .most = 3});
  CHECK(parse_restart_policy("on-failure:0").value() == RestartPolicy{.kind = Kind::on_failure});
  for (const char* text :
       {"sometimes", "on-failure:", "on-failure:x", "on-failure:-1", "always:3", "on-failure:1:2"})
    CHECK_FALSE(parse_restart_policy(text));
}

TEST_CASE("a policy is written as it is read") {
  for (const char* text : {"no", "always", "unless-stopped", "on-failure", "on-failure:7"})
    CHECK(to_string(parse_restart_policy(text).value()) == text);
}

TEST_CASE("a program is started again where the policy says so") {
  const auto restarts = [](const char* policy, int code, unsigned before) {
    return restarts_after(parse_restart_policy(policy).value(), code, before);
  };
  CHECK_FALSE(restarts("no", 1, 0));
  CHECK(restarts("always", 0, 1000));
  CHECK(restarts("unless-stopped", 0, 0));
  CHECK_FALSE(restarts("on-failure", 0, 0));
  CHECK(restarts("on-failure", 1, 1000));
  CHECK(restarts("on-failure:2", 1, 1));
  CHECK_FALSE(restarts("on-failure:2", 1, 2));
}

TEST_CASE("the delay before a restart grows, up to a minute, until the program ran well") {
  using std::chrono::milliseconds;
  milliseconds delay{0};
  std::vector<std::int64_t> delays;
  for (int i = 0; i < 12; ++i) delays.push_back((delay = restart_delay(delay, milliseconds(5))).count());
  CHECK(delays ==
        std::vector<std::int64_t>{100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000});
  CHECK(restart_delay(delay, milliseconds(10'000)) == milliseconds(100));
}
