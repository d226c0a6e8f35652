// Builds, pulls, runs, prunes and removals at once on one store. All of them succeed, or say that an image
// has just been removed; and after each round the store is whole, and a prune leaves what is named.
// ECRIN_TEST_SECONDS makes it longer.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/memory_registry.hpp"
#include "tests/support/registry_server.hpp"
#include "tests/support/store_check.hpp"

using namespace ecrin::tests;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int k_salts = 3;  // few, so that builds meet in the cache
constexpr std::chrono::seconds k_round{8};

std::string recipe(int salt) {
  const std::string word = std::to_string(salt);
  return "from: localhost/busybox\nsteps:\n  - write: {dest: /salt, content: \"" + word +
         "\"}\n"
         "  - run: mkdir /files && cd /files && touch $(seq 100) && echo " +
         word +
         " > 1\n"
         "  - copy: {src: tree, dest: /tree}\n  - run: rm /files/2* && chown 7:8 /tree\n";
}

class Storm {
public:
  Storm() {
    for (int index = 0; index < 20; ++index)
      m_ecrin.context("tree/" + std::to_string(index), std::string(9'000, 'x'));
    const Ecrin maker;
    for (const char* tag : {"1", "2"}) {
      const std::string made = "many" + std::string(tag);
      maker.build(
          "from: localhost/busybox\nsteps:\n  - run: mkdir /a && cd /a && touch $(seq 99)\n  - run: echo " +
              made + " > /salt\n",
          {"-t", made});
      m_remote.push_back(m_server.host() + "/team/many:" + tag);
      maker.must({"push", "-q", made, m_remote.back()});
    }
  }

  void round(unsigned seed) {
    m_end = Clock::now() + k_round;
    std::vector<std::thread> workers;
    for (const auto role : {&Storm::builds, &Storm::builds, &Storm::pulls, &Storm::pulls, &Storm::runs,
                            &Storm::keeps_containers, &Storm::prunes, &Storm::removes})
      workers.emplace_back([this, role, seed, number = workers.size()] {
        std::mt19937 random(seed * 100 + static_cast<unsigned>(number));
        while (Clock::now() < m_end) (this->*role)(random);
      });
    for (std::thread& worker : workers) worker.join();
    for (const std::string& failure : m_failures) {
      INFO(failure);
      CHECK(false);
    }
    m_failures.clear();
    look();
  }

  int commands() const { return m_commands; }

private:
  // All commands but the judged exit codes and messages must succeed.
  void command(Invocation invocation, const std::vector<std::string>& honest) {
    const Outcome outcome = run(invocation);
    ++m_commands;
    if (outcome.code == 0) return;
    const bool told = one_error(outcome) && std::ranges::any_of(honest, [&](const std::string& text) {
                        return contains(outcome.err, text);
                      });
    if (told) return;
    const std::lock_guard guard(m_mutex);
    m_failures.push_back(outcome.description);
  }

  static std::string local_name(std::mt19937& random) { return "made" + std::to_string(random() % k_salts); }
  std::string any_name(std::mt19937& random) {
    return random() % 2 ? local_name(random) : m_remote[random() % m_remote.size()];
  }

  void builds(std::mt19937& random) {
    const auto salt = static_cast<int>(random() % k_salts);
    Arguments flags = {"-q", "-t", "made" + std::to_string(salt)};
    if (random() % 4 == 0) flags.push_back("--no-cache");
    command(m_ecrin.build_invocation(recipe(salt), flags), {});
  }
  void pulls(std::mt19937& random) {
    command(m_ecrin.invocation({"pull", "-q", m_remote[random() % m_remote.size()]}), {});
  }
  void runs(std::mt19937& random) {
    command(m_ecrin.invocation({"run", "--rm", "--network", "none", "--pull", "never", any_name(random), "sh",
                                "-c", "cat /salt; echo x > /written"}),
            {"no image"});
  }
  void keeps_containers(std::mt19937& random) {
    const std::string name = "c" + std::to_string(random() % 2);
    command(m_ecrin.invocation({"run", "-d", "--network", "none", "--pull", "never", "--name", name,
                                any_name(random), "sleep", "1000"}),
            {"no image", "there is a container"});
    command(m_ecrin.invocation({"rm", "-f", "-t", "0", name}), {"no container"});
  }
  void prunes(std::mt19937& random) {
    command(m_ecrin.invocation({"prune", "-f"}), {});
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 100));
  }
  void removes(std::mt19937& random) {
    command(m_ecrin.invocation({"rmi", any_name(random)}), {"no image", "in use by container"});
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 100));
  }

  void look() {
    CHECK(store_problems(m_ecrin) == "");
    for (const auto& image : m_ecrin.json({"images", "--format", "json"}))
      CHECK(
          m_ecrin({"save", "-o", m_ecrin.scratch() / "saved.tar", image.at("Id").get<std::string>()}).code ==
          0);
    m_ecrin.must({"rm", "-f", "-a", "-t", "0"});
    m_ecrin.must({"prune", "-f"});
    CHECK(store_problems(m_ecrin, Expect::after_prune) == "");
  }

  MemoryRegistry m_registry;
  RegistryServer m_server{m_registry};
  std::vector<std::string> m_remote;
  Ecrin m_ecrin;
  Clock::time_point m_end;
  std::atomic<int> m_commands = 0;
  std::mutex m_mutex;  // guards the next
  std::vector<std::string> m_failures;
};

}  // namespace

TEST_CASE("eight at once that build, pull, run, prune and remove leave the store whole",
          "[heavy][any-driver]") {
  const char* asked = std::getenv("ECRIN_TEST_SECONDS");
  const std::chrono::seconds length(asked ? std::atoi(asked) : 40);
  Storm storm;
  const auto start = Clock::now();
  unsigned seed = 0;
  do storm.round(++seed);
  while (Clock::now() + k_round <= start + length);
  std::printf("%d commands in %u rounds\n", storm.commands(), seed);
}
