// Each command, with each of its calls on files failing or killing it in turn: whatever happens, the store
// opens, holds all that was finished before, and prune takes away what is left. ctest walks a few points;
// ECRIN_TEST_POINTS=all (./dev test-faults) walks all, or any number of them.
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>

#include "tests/faults/faulty_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/store_check.hpp"

using namespace ecrin::tests;

namespace {

constexpr std::uint64_t k_sample = 3;  // points of each kind of fault

struct Scenario {
  /// Makes what the command works on; `salt` is another word each time.
  std::function<void(const std::string& salt)> prepare = [](const std::string&) {};
  std::function<Invocation(const std::string& salt)> command;
  /// What must be so when it succeeded.
  std::function<void(const Ecrin&)> succeeded = [](const Ecrin&) {};
  /// Names what is taken away before the last look: words of a command, which may fail.
  std::vector<Arguments> clean_up;
};

struct FaultKind {
  std::string kind;
  std::string what;
  bool and_later = false;
};

const std::vector<FaultKind> k_fault_kinds = {{"change", "kill"},  {"change", "end"},
                                              {"space", "ENOSPC"}, {"space", "ENOSPC", true},
                                              {"space", "EDQUOT"}, {"read", "EIO"}};

std::vector<std::uint64_t> points_of(std::uint64_t total, const std::string& salt) {
  const char* asked = std::getenv("ECRIN_TEST_POINTS");
  std::uint64_t wanted = k_sample;
  if (asked) wanted = std::string(asked) == "all" ? total : std::strtoull(asked, nullptr, 10);
  wanted = std::min(wanted, total);
  std::vector<std::uint64_t> points;
  // Where the stride begins differs from kind to kind, always in the same way.
  std::seed_seq seed(salt.begin(), salt.end());
  const std::uint64_t first =
      std::mt19937(seed)() % std::max<std::uint64_t>(1, total / std::max<std::uint64_t>(1, wanted));
  for (std::uint64_t index = 0; index < wanted; ++index) points.push_back(1 + first + index * total / wanted);
  return points;
}

// A command that was told to fail says so once, and does not crash.
void judge(const Outcome& outcome, const FaultKind& fault) {
  if (fault.what == "kill" || fault.what == "end") {
    CHECK(outcome.code != 128 + SIGSEGV);
    CHECK(outcome.code != 128 + SIGABRT);
    return;
  }
  if (outcome.code != 0) CHECK(one_error(outcome));
}

void walk(FaultyStore& store, const Scenario& scenario) {
  const Ecrin& ecrin = store.ecrin();
  ecrin.build(
      "from: localhost/busybox\nsteps:\n  - write: {dest: /kept, content: kept}\n  - run: echo x > /ran\n",
      {"-t", "kept"});
  REQUIRE(store_problems(ecrin) == "");
  int number = 0;
  const auto one = [&](const std::string& fault) {
    const std::string salt = "salt-" + std::to_string(++number);
    scenario.prepare(salt);
    return store.run_with(scenario.command(salt), fault);
  };
  const auto clean_up = [&](const std::string& fault) {
    INFO(fault);
    for (const Arguments& words : scenario.clean_up) ecrin(words);
    const Outcome pruned = ecrin({"prune", "-f"});
    INFO(pruned.description);
    CHECK(pruned.code == 0);
    CHECK(store_problems(ecrin, Expect::after_prune) == "");
  };
  const Outcome whole = one("");
  INFO(whole.description);
  REQUIRE(whole.code == 0);
  const CallCounts counts = store.counts();
  scenario.succeeded(ecrin);
  clean_up("no fault");
  std::printf("calls: %lu that change, %lu of them need space, %lu that read\n", counts.changes, counts.space,
              counts.reads);
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t walked = 0;
  std::uint64_t hits = 0;
  for (const FaultKind& kind : k_fault_kinds) {
    const std::string what = kind.kind + (kind.and_later ? "+" : "") + ":" + kind.what;
    for (const std::uint64_t point : points_of(counts.of(kind.kind), what)) {
      const std::string fault =
          kind.kind + ":" + std::to_string(point) + (kind.and_later ? "+:" : ":") + kind.what;
      const Outcome outcome = one(fault);
      ++walked;
      if (store.counts().hits > 0) ++hits;
      INFO("ECRIN_FAULT=" << fault << "\n" << outcome.description);
      judge(outcome, kind);
      const Outcome images = ecrin({"images"});
      INFO(images.description);
      CHECK(images.code == 0);
      CHECK(contains(images.out, "kept"));
      CHECK(store_problems(ecrin) == "");
      if (outcome.code == 0) scenario.succeeded(ecrin);
      clean_up(fault);
    }
  }
  std::printf("%lu points, %lu of them hit, in %.0f s\n", walked, hits,
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  std::fflush(stdout);
  // By ecrin itself, which compares all bytes with their digests.
  for (const char* name : {"busybox", "kept"})
    ecrin.must({"save", "-o", ecrin.scratch() / (std::string(name) + ".tar"), name});
  CHECK(ecrin.in_container("kept", {"cat", "/kept", "/ran"}) == "keptx\n");
}

void fill_context(const Ecrin& ecrin) {
  for (int index = 0; index < 20; ++index)
    ecrin.context("tree/" + std::to_string(index), std::string(5'000, 'x'));
}

std::string recipe(const std::string& salt) {
  return "from: localhost/busybox\nsteps:\n  - write: {dest: /salt, content: \"" + salt +
         "\"}\n"
         "  - run: for i in $(seq 20); do echo $i > /file-$i; done; chmod 4755 /file-1; rm /file-2\n"
         "  - copy: {src: tree, dest: /tree}\n"
         "  - run: mv /file-3 /moved && chown 5:6 /tree\n";
}

// Many files, so that removing them is many calls.
std::string many_files(const std::string& salt) {
  return "from: localhost/busybox\nsteps:\n  - run: mkdir /many && cd /many && touch $(seq 600) && echo " +
         salt + " > salt\n";
}

void is_made(const Ecrin& ecrin) {
  CHECK(ecrin({"exists", "made"}).code == 0);
}

}  // namespace

TEST_CASE("a build survives a fault at any call") {
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  fill_context(ecrin);
  walk(store, {.command =
                   [&](const std::string& salt) {
                     return ecrin.build_invocation(recipe(salt), {"-q", "-t", "made"});
                   },
               .succeeded = is_made,
               .clean_up = {{"rmi", "-f", "made"}}});
}

TEST_CASE("a pull survives a fault at any call") {
  MemoryRegistry registry;
  RegistryServer server(registry);
  const std::string name = server.host() + "/team/many:1";
  {
    const Ecrin maker;
    maker.build(
        "from: localhost/busybox\nsteps:\n  - run: mkdir /a && cd /a && touch $(seq 150)\n"
        "  - run: mkdir /b && cd /b && for i in $(seq 20); do seq $i 3000 > $i; done\n",
        {"-t", "many"});
    maker.must({"push", "-q", "many", name});
  }
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  // Without a base image of its own that has the layers already.
  walk(store, {.command =
                   [&](const std::string&) {
                     return ecrin.invocation({"pull", "-q", "--retry-delay", "10ms", name});
                   },
               .succeeded =
                   [&](const Ecrin& after) {
                     CHECK(after({"exists", name}).code == 0);
                   },
               .clean_up = {{"rmi", "-f", name}}});
}

TEST_CASE("a run survives a fault at any call") {
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  walk(store,
       {.command =
            [&](const std::string&) {
              return ecrin.invocation({"run", "--name", "c", "busybox", "sh", "-c", "echo said > /written"});
            },
        .succeeded =
            [](const Ecrin& after) {
              CHECK(contains(after({"logs", "c"}).description, "exit code 0"));
            },
        .clean_up = {{"rm", "-f", "-a"}}});
}

TEST_CASE("a prune survives a fault at any call") {
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  walk(store, {.prepare =
                   [&](const std::string& salt) {
                     ecrin.build(many_files(salt), {"-t", "made"});
                     ecrin.must({"untag", "made"});
                   },
               .command =
                   [&](const std::string&) {
                     return ecrin.invocation({"prune", "-f"});
                   },
               .clean_up = {}});
}

TEST_CASE("removing a container survives a fault at any call") {
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  walk(store, {.prepare =
                   [&](const std::string&) {
                     ecrin.must({"run", "--name", "c", "busybox", "sh", "-c",
                                 "mkdir /many && cd /many && touch $(seq 600)"});
                   },
               .command =
                   [&](const std::string&) {
                     return ecrin.invocation({"rm", "c"});
                   },
               .succeeded =
                   [](const Ecrin& after) {
                     CHECK(after.must({"ps", "-aq"}).empty());
                   },
               .clean_up = {{"rm", "-f", "-a"}}});
}

TEST_CASE("removing an image survives a fault at any call") {
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  // From an archive, so that no build cache keeps its layers.
  const std::string archive = store.ecrin().scratch() / "made.tar";
  {
    const Ecrin maker;
    maker.build(many_files("loaded"), {"-t", "made"});
    maker.must({"save", "-o", archive, "made"});
  }
  walk(store, {.prepare =
                   [&](const std::string&) {
                     ecrin.must({"load", "-i", archive});
                     ecrin.in_container("made", {"true"});  // so that it is unpacked
                   },
               .command =
                   [&](const std::string&) {
                     return ecrin.invocation({"rmi", "made"});
                   },
               .succeeded =
                   [](const Ecrin& after) {
                     CHECK(after({"exists", "made"}).code != 0);
                   },
               .clean_up = {{"rmi", "-f", "made"}}});
}
