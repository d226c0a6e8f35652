// Many containers at once, while processes of ecrin are killed: whatever happens, what `ps -a` says is so,
// and nothing is left that `rm` and `prune` do not find.
#include <signal.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

constexpr int k_workers = 8;
constexpr int k_containers = 25;  // of each worker

// Runs a verb, and kills it on the way now and then.
void perhaps_kill(const Ecrin& ecrin, std::mt19937& random, Arguments words) {
  Running verb(ecrin.invocation(std::move(words)));
  if (random() % 4 == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 150));
    verb.signal(SIGKILL);
  }
  verb.wait();
}

void kill_monitor(const Ecrin& ecrin, const std::string& name) {
  const Outcome inspected = ecrin({"inspect", name});
  const auto json = nlohmann::json::parse(inspected.out, nullptr, false);
  if (inspected.code != 0 || !json.is_array() || json.empty()) return;
  if (const int pid = json[0]["State"].value("ConmonPid", 0); pid > 1) ::kill(pid, SIGKILL);
}

void work(const Ecrin& ecrin, int worker) {
  std::mt19937 random(static_cast<unsigned>(worker));
  for (int i = 0; i < k_containers; ++i) {
    const std::string name = "c" + std::to_string(worker) + "-" + std::to_string(i);
    perhaps_kill(ecrin, random,
                 {"run", "-d", "--network", "none", "--name", name, "busybox", "sleep", "1000"});
    if (random() % 5 == 0) kill_monitor(ecrin, name);
    perhaps_kill(ecrin, random, {"stop", "-t", "0", name});
    perhaps_kill(ecrin, random, {"rm", "-f", name});
  }
}

// Processes that have the store on their command line, but for those that nobody waits for any more.
std::vector<std::string> processes_of(const Ecrin& ecrin) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    std::string words;
    std::getline(file, words);
    std::ranges::replace(words, '\0', ' ');
    if (contains(words, ecrin.root())) found.push_back(words);
  }
  return found;
}

}  // namespace

TEST_CASE("two hundred containers by eight processes, with kills: nothing is lost and nothing is left",
          "[heavy]") {
  const Ecrin ecrin;
  std::vector<std::thread> workers;
  for (int i = 0; i < k_workers; ++i) workers.emplace_back([&ecrin, i] { work(ecrin, i); });
  for (std::thread& worker : workers) worker.join();

  for (const auto& container : ecrin.json({"ps", "-a", "--format", "json"})) {
    const auto state = ecrin.inspect(container.at("Id").get<std::string>())["State"];
    INFO(state.dump());
    const int pid = state["Pid"];
    CHECK(state["Running"].get<bool>() == (state["Status"] == "running"));
    CHECK((pid != 0) == state["Running"].get<bool>());
    if (pid != 0) CHECK(std::filesystem::exists("/proc/" + std::to_string(pid)));
  }
  CHECK(ecrin({"rm", "-fa"}).code == 0);
  CHECK(ecrin.must({"ps", "-aq"}).empty());
  CHECK(ecrin({"prune", "-f"}).code == 0);
  CHECK(std::filesystem::is_empty(ecrin.root() + "/containers"));
  CHECK(ecrin.left_behind() == std::vector<std::string>{});
  CHECK(processes_of(ecrin) == std::vector<std::string>{});
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) CHECK_FALSE(contains(line, ecrin.root()));
  CHECK(ecrin({"run", "--rm", "--network", "none", "busybox", "true"}).code == 0);
}
