// Power cuts: a command is killed at one of its calls, what no sync covered is lost, and the machine starts
// again. What was finished and synced before is whole; what is not known to be whole is not used.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "tests/faults/faulty_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/store_check.hpp"

using namespace ecrin::tests;

namespace {

constexpr std::uint64_t k_sample = 4;

/// What of the unsynced survives: names without their content, or not even those; with the rows of the
/// database that were written last, or those that were synced last.
struct Cut {
  bool keeps_names;
  bool old_database;
};
constexpr Cut k_cuts[] = {{true, false}, {false, false}, {true, true}, {false, true}};

struct Scenario {
  std::function<void(const std::string& salt)> prepare = [](const std::string&) {};
  std::function<Invocation(const std::string& salt)> command;
  std::string made;  // the image that it makes, which is there when it succeeded
  std::vector<Arguments> clean_up;
};

class PowerCuts {
public:
  PowerCuts(FaultyStore& store, const Scenario& scenario) : m_store(store), m_scenario(scenario) {}

  void walk() {
    const Ecrin& ecrin = m_store.ecrin();
    ecrin.build("from: localhost/busybox\nsteps:\n  - write: {dest: /kept, content: kept}\n", {"-t", "kept"});
    m_store.trace_power_cuts();
    m_scenario.prepare("first");
    m_store.sync_all();
    REQUIRE(m_store.run_with(m_scenario.command("first"), "").code == 0);
    const std::uint64_t total = m_store.counts().changes;
    clean_up();
    const char* asked = std::getenv("ECRIN_TEST_POINTS");
    std::uint64_t points = k_sample;
    if (asked) points = std::string(asked) == "all" ? total : std::strtoull(asked, nullptr, 10);
    points = std::min(points, total);
    // One more: the command ends, and then the power does.
    for (std::uint64_t index = 0; index <= points; ++index) {
      const std::uint64_t point = index == points ? total + 1'000'000 : 1 + index * total / points;
      cut_at(point, k_cuts[index % std::size(k_cuts)]);
      if (index == points)
        for (const Cut& cut : k_cuts) cut_at(point, cut);
    }
    std::printf("%lu power cuts among %lu calls\n", points + 4, total);
  }

private:
  // The ordinary program does not know of the new boot.
  Outcome run(const Arguments& words) { return m_store.run_with(m_store.ecrin().invocation(words), ""); }

  void clean_up() {
    for (const Arguments& words : m_scenario.clean_up) run(words);
    const Outcome pruned = run({"prune", "-f"});
    INFO(pruned.description);
    CHECK(pruned.code == 0);
    CHECK(store_problems(m_store.ecrin(), Expect::after_prune) == "");
    m_store.sync_all();
  }

  void cut_at(std::uint64_t point, const Cut& cut) {
    const std::string salt = "salt-" + std::to_string(++m_number);
    m_scenario.prepare(salt);
    m_store.sync_all();
    const Outcome outcome =
        m_store.run_with(m_scenario.command(salt), "change:" + std::to_string(point) + ":end");
    INFO("killed at call " << point << (cut.keeps_names ? ", names stay" : ", names go")
                           << (cut.old_database ? ", old database\n" : ", new database\n")
                           << outcome.description);
    m_store.cut_power(cut.keeps_names, cut.old_database);
    const Outcome images = run({"images"});
    INFO(images.description);
    CHECK(images.code == 0);
    CHECK(contains(images.out, "kept"));
    if (outcome.code == 0 && !m_scenario.made.empty()) CHECK(run({"exists", m_scenario.made}).code == 0);
    const Outcome ran = run({"run", "--rm", "--network", "none", "kept", "cat", "/kept"});
    INFO(ran.description);
    CHECK(ran.out == "kept");
    // What is named is whole, whatever came of the command.
    CHECK(store_problems(m_store.ecrin()) == "");
    // And the same command does its work now.
    const Outcome again = m_store.run_with(m_scenario.command(salt), "");
    INFO(again.description);
    CHECK(again.code == 0);
    CHECK(store_problems(m_store.ecrin()) == "");
    clean_up();
  }

  FaultyStore& m_store;
  const Scenario& m_scenario;
  int m_number = 0;
};

void cut_power(FaultyStore& store, const Scenario& scenario) {
  PowerCuts(store, scenario).walk();
}

}  // namespace

TEST_CASE("a build survives power cuts") {
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  for (int index = 0; index < 10; ++index)
    ecrin.context("tree/" + std::to_string(index), std::string(5'000, 'x'));
  cut_power(store, {.command =
                        [&](const std::string& salt) {
                          return ecrin.build_invocation(
                              "from: localhost/busybox\nsteps:\n  - write: {dest: /salt, content: \"" + salt +
                                  "\"}\n  - run: for i in $(seq 20); do echo $i > /file-$i; done\n"
                                  "  - copy: {src: tree, dest: /tree}\n  - run: mv /file-3 /moved\n",
                              {"-q", "-t", "made"});
                        },
                    .made = "made",
                    .clean_up = {{"rmi", "-f", "made"}}});
}

TEST_CASE("a pull survives power cuts") {
  MemoryRegistry registry;
  RegistryServer server(registry);
  const std::string name = server.host() + "/team/many:1";
  {
    const Ecrin maker;
    maker.build(
        "from: localhost/busybox\nsteps:\n  - run: mkdir /a && cd /a && touch $(seq 50) && seq 999 > 1\n"
        "  - run: mkdir /b && cd /b && for i in $(seq 20); do seq $i 3000 > $i; done\n",
        {"-t", "many"});
    maker.must({"push", "-q", "many", name});
  }
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  cut_power(store, {.command =
                        [&](const std::string&) {
                          return ecrin.invocation({"pull", "-q", "--retry-delay", "10ms", name});
                        },
                    .made = name,
                    .clean_up = {{"rmi", "-f", name}}});
}

TEST_CASE("a prune survives power cuts") {
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  cut_power(store, {.prepare =
                        [&](const std::string& salt) {
                          ecrin.build("from: localhost/busybox\nsteps:\n  - run: touch $(seq 50); echo " +
                                          salt + " > salt\n",
                                      {"-t", "made"});
                          ecrin.must({"untag", "made"});
                        },
                    .command =
                        [&](const std::string&) {
                          return ecrin.invocation({"prune", "-f"});
                        },
                    .made = "",
                    .clean_up = {}});
}

TEST_CASE("removing an image survives power cuts") {
  FaultyStore store;
  const Ecrin& ecrin = store.ecrin();
  const std::string archive = store.ecrin().scratch() / "made.tar";
  {
    const Ecrin maker;
    maker.build("from: localhost/busybox\nsteps:\n  - run: touch $(seq 50)\n", {"-t", "made"});
    maker.must({"save", "-o", archive, "made"});
  }
  cut_power(store, {.prepare =
                        [&](const std::string&) {
                          ecrin.must({"load", "-i", archive});
                        },
                    .command =
                        [&](const std::string&) {
                          return ecrin.invocation({"rmi", "-f", "made"});
                        },
                    .made = "",
                    .clean_up = {{"rmi", "-f", "made"}}});
}
