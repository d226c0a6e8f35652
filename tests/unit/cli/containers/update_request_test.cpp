#include "cli/containers/update_request.hpp"

#include "cli/commands/commands.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

using Words = std::vector<std::string>;

Words updated(const Words& stored, Words flags) {
  flags.emplace_back("name");
  const auto arguments = parse_arguments(update_verb(), flags);
  REQUIRE(arguments);
  return updated_words(stored, *arguments);
}

}  // namespace

TEST_CASE("an update takes the place of what was said before, and leaves the rest") {
  const Words stored = {"--memory=64m", "--env=A=--memory=1", "--restart=no", "image", "--memory=9"};
  CHECK(updated(stored, {"--memory", "128m"}) ==
        Words{"--env=A=--memory=1", "--restart=no", "--memory=128m", "image", "--memory=9"});
  CHECK(updated(stored, {"--restart", "always", "--pids-limit=5"}) ==
        Words{"--memory=64m", "--env=A=--memory=1", "--pids-limit=5", "--restart=always", "image",
              "--memory=9"});
  CHECK(updated({"image"}, {"--memory-swap=-1"}) == Words{"--memory-swap=-1", "image"});
}

TEST_CASE("an update that says the same in another way takes its place") {
  CHECK(updated({"--cpu-quota=5000", "--cpu-period=10000", "i"}, {"--cpus=1"}) == Words{"--cpus=1", "i"});
  CHECK(updated({"--cpus=1", "i"}, {"--cpu-quota=5000"}) == Words{"--cpu-quota=5000", "i"});
}

TEST_CASE("limits among the words of a request") {
  CHECK(limit_words({"--memory=64m", "--network=none", "--cpus=1", "image", "--memory=1"}) ==
        Words{"--memory=64m", "--cpus=1"});
  CHECK(limit_words({"image"}).empty());
}

TEST_CASE("what an update lifts is written as no limit") {
  const auto lifted = parse_limit_change(
      {"--memory=0", "--memory-reservation=0", "--cpus=0", "--cpu-shares=0", "--pids-limit=-1"});
  REQUIRE(lifted);
  CHECK(lifted->all.empty());
  CHECK(lifted->change.memory.limit == oci::k_unlimited);
  CHECK(lifted->change.memory.reservation == 1);
  CHECK(lifted->change.cpu.quota == oci::k_unlimited);
  CHECK(lifted->change.cpu.shares == 1024U);
  CHECK(lifted->change.pids == oci::k_unlimited);
  const auto set = parse_limit_change({"--memory=64m", "--cpus=0.5"});
  REQUIRE(set);
  CHECK(set->all == set->change);
  CHECK(set->change.memory.limit == 64 << 20);
  CHECK(parse_limit_change({"--memory=x"}).error().kind() == ErrorKind::invalid);
  CHECK(parse_limit_change({"--memory=64m", "--memory-swap=32m"}).error().kind() == ErrorKind::invalid);
}
