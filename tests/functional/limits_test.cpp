// --memory, --cpus and their relatives. Whether this host can hold limits is up to it: where it can, they are
// held; where it cannot, they are refused before anything runs. tests/vm has a host that can.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

// What a refusal looks like; the host has no cgroups for its users then.
bool refused(const Outcome& outcome) {
  return outcome.code == 125 && contains(outcome.err, "cannot be set");
}

Arguments run(Arguments flags, Arguments command) {
  Arguments arguments = {"run", "--rm", "--network", "none"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.push_back("busybox");
  arguments.insert(arguments.end(), command.begin(), command.end());
  return arguments;
}

constexpr const char* k_eater = "dd if=/dev/zero of=/dev/null bs=200M count=1";

}  // namespace

TEST_CASE("a limit is held, or refused before anything runs", "[any-driver]") {
  Ecrin ecrin;
  const std::string place = ecrin.scratch() / "place";
  make_directory(place);
  const Arguments flags = {"-m", "64m", "--memory-swap", "64m", "-v", place + ":/place"};
  const Outcome outcome = ecrin(run(flags, {"sh", "-c", std::string("touch /place/ran; exec ") + k_eater}));
  CHECK(one_error(outcome));
  if (refused(outcome)) {
    CHECK(contains(outcome.err, "memory"));
    CHECK(contains(outcome.err, "hint: "));
    CHECK_FALSE(exists(place + "/ran"));
  } else {
    CHECK(outcome.code == 137);
    CHECK(contains(outcome.err, "killed: out of memory (limit 64m)"));
  }
}

TEST_CASE("limits of a build are held, or refused before its first step, and are in no key", "[any-driver]") {
  Ecrin ecrin;
  const std::string eats = std::string("from: localhost/busybox\nsteps:\n  - run: ") + k_eater + "\n";
  const Outcome limited = ecrin.try_build(eats, {"-m", "64m", "--memory-swap", "64m", "--network", "none"});
  CHECK(limited.code == (refused(limited) ? 125 : 137));
  if (!refused(limited)) CHECK(contains(limited.err, "killed: out of memory (limit 64m)"));
  if (refused(limited)) CHECK_FALSE(contains(limited.err, "STEP"));
  // What no limit stops runs, and is in the cache for those with one.
  const std::string id = ecrin.build(eats, {"--network", "none"});
  const Outcome cached =
      ecrin.try_build(eats, {"--pids-limit", "100", "--network", "none", "--progress", "json"});
  if (!refused(cached)) CHECK(count_state(step_reports(cached), "done") == 0);
  CHECK_FALSE(id.empty());
}

TEST_CASE("steps of scripts and shells have the same limits", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"from", "--name", "work", "busybox"});
  const Outcome step = ecrin({"run", "--into", "work", "-m", "64m", "--network", "none", k_eater});
  CHECK(step.code == (refused(step) ? 125 : 137));
  const Outcome shell =
      ecrin({"shell", "-m", "64m", "--network", "none", "busybox", "--", "sh", "-c", k_eater});
  CHECK(shell.code == (refused(shell) ? 125 : 137));
}

TEST_CASE("what asks for no limit needs no cgroup", "[any-driver]") {
  Ecrin ecrin;
  CHECK(ecrin(run({"--memory", "0", "--cpus", "0", "--pids-limit", "-1", "--cpu-quota", "-1"}, {"true"}))
            .code == 0);
}

TEST_CASE("limits that make no sense are refused", "[any-driver]") {
  Ecrin ecrin(Ecrin::Base::none);
  for (const Arguments& flags : std::vector<Arguments>{{"-m", "much"},
                                                       {"--memory-swap", "1g"},
                                                       {"--cpus", "-1"},
                                                       {"--cpus", "1", "--cpu-quota", "5000"},
                                                       {"--cpuset-cpus", "0-"},
                                                       {"--pids-limit", "x"}}) {
    const Outcome outcome = ecrin(run(flags, {"true"}));
    CHECK(outcome.code == 125);
    CHECK(one_error(outcome));
    CHECK(contains(outcome.err, flags.front() == "-m" ? "--memory" : flags.front()));
  }
}
