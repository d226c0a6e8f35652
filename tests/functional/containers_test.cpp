// Containers in the background: run -d, create, start, stop, kill, restart, rm, ps, wait, logs, exec.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;
using namespace std::chrono_literals;

namespace {

// Whatever a test leaves running ends with it.
struct Tidy {
  const Ecrin& ecrin;
  ~Tidy() { ecrin({"rm", "-fa"}); }
};

nlohmann::json state_of(const Ecrin& ecrin, const std::string& name) {
  return ecrin.inspect(name)["State"];
}

std::string status_of(const Ecrin& ecrin, const std::string& name) {
  return state_of(ecrin, name)["Status"];
}

bool becomes(const Ecrin& ecrin, const std::string& name, const std::string& status) {
  for (int i = 0; i < 600; ++i) {
    if (status_of(ecrin, name) == status) return true;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}

bool restarts(const Ecrin& ecrin, const std::string& name) {
  for (int i = 0; i < 600; ++i) {
    if (ecrin.inspect(name)["RestartCount"] > 0) return true;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}

// A program that says when it is ready, and ends when it is told.
const Arguments k_patient = {"sh", "-c",
                             "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"};

Arguments with(Arguments first, const Arguments& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

bool log_holds(const Ecrin& ecrin, const std::string& name, const std::string& text) {
  for (int i = 0; i < 600; ++i) {
    if (contains(ecrin({"logs", name}).out, text)) return true;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}

std::vector<std::string> files_of_containers(const Ecrin& ecrin) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(ecrin.root() + "/containers"))
    names.push_back(entry.path().filename());
  return names;
}

// One that nobody has waited for is none any more.
bool is_process(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  return std::getline(file, text) && !contains(text.substr(text.rfind(')')), ") Z");
}

}  // namespace

TEST_CASE("a container in the background is started, seen, stopped, started again and removed") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  const std::string id = ecrin.must(with({"run", "-d", "--name", "one", "busybox"}, k_patient));
  CHECK(id.size() == 64);
  CHECK(ecrin.must({"ps", "-q", "--no-trunc"}) == id);
  CHECK(ecrin.must({"ps", "--format", "{{.Names}} {{.State}} {{.Image}}"}) == "one running busybox");
  CHECK(log_holds(ecrin, "one", "ready"));
  CHECK(ecrin(with({"run", "-d", "--name", "one", "busybox"}, k_patient)).code == 125);
  CHECK(ecrin({"rm", "one"}).code == 2);

  CHECK(ecrin.must({"stop", "one"}) == "one");
  CHECK(status_of(ecrin, "one") == "exited");
  CHECK(state_of(ecrin, "one")["ExitCode"] == 7);
  CHECK(contains(ecrin.must({"logs", "one"}), "bye"));
  CHECK(ecrin.must({"ps", "-q"}).empty());
  CHECK(ecrin.must({"ps", "-aq", "--no-trunc"}) == id);
  CHECK(ecrin.must({"wait", "one"}) == "7");
  CHECK(ecrin.must({"stop", "one"}) == "one");

  CHECK(ecrin.must({"start", "one"}) == "one");
  CHECK(becomes(ecrin, "one", "running"));
  CHECK(ecrin.must({"kill", "one"}) == "one");
  CHECK(ecrin.must({"wait", "one"}) == "137");
  CHECK(ecrin.must({"restart", "one"}) == "one");
  CHECK(status_of(ecrin, "one") == "running");
  CHECK(ecrin.must({"rm", "-f", "one"}) == "one");
  CHECK(ecrin.must({"ps", "-aq"}).empty());
  CHECK(files_of_containers(ecrin).empty());
  CHECK(ecrin.left_behind() == std::vector<std::string>{});
  CHECK(ecrin({"rm", "one"}).code == 1);
  CHECK(ecrin({"rm", "-f", "one"}).code == 0);
}

TEST_CASE("what a program wrote to its tree is there when it is started again") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(
      {"create", "--name", "keeper", "busybox", "sh", "-c",
       "cat /kept 2>/dev/null; echo \"$(date +%s%N)\" >> /kept; rm -f /etc/hostname.old; wc -l < /kept"});
  CHECK(status_of(ecrin, "keeper") == "created");
  CHECK(contains(ecrin.must({"start", "-a", "keeper"}), "1"));
  CHECK(ecrin.must({"start", "-a", "keeper"}).ends_with("2"));
  CHECK(ecrin.must({"start", "-a", "keeper"}).ends_with("3"));
}

TEST_CASE("a container ends with its removal when that was asked for") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(with({"run", "-d", "--rm", "--name", "passing", "busybox"}, k_patient));
  ecrin.must({"stop", "-t", "5", "passing"});
  CHECK(ecrin.must({"ps", "-aq"}).empty());
  CHECK(files_of_containers(ecrin).empty());
  // In the foreground, too; without it the container stays.
  ecrin.must({"run", "--rm", "busybox", "true"});
  CHECK(ecrin.must({"ps", "-aq"}).empty());
  ecrin.must({"run", "--name", "stays", "busybox", "true"});
  CHECK(status_of(ecrin, "stays") == "exited");
}

TEST_CASE("a container that cannot be started says why") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  const Outcome missing = ecrin({"run", "-d", "--name", "x", "busybox", "no-such-program"});
  CHECK(missing.code == 127);
  CHECK(one_error(missing));
  CHECK(status_of(ecrin, "x") == "created");
  CHECK(contains(state_of(ecrin, "x")["Error"].get<std::string>(), "no-such-program"));
  CHECK(ecrin({"run", "-d", "--rm", "busybox", "/etc/passwd"}).code == 126);
  CHECK(ecrin({"run", "-d", "no-such-image"}).code == 125);
  CHECK(ecrin.must({"ps", "-a", "--format", "{{.Names}}"}) == "x");
}

TEST_CASE("a program that ignores its stop signal is killed after the time") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "deaf", "busybox", "sh", "-c",
              "trap '' TERM; echo ready; while :; do sleep 0.05; done"});
  REQUIRE(log_holds(ecrin, "deaf", "ready"));
  ecrin.must({"stop", "-t", "1", "deaf"});
  CHECK(state_of(ecrin, "deaf")["ExitCode"] == 137);
}

TEST_CASE("the stop signal may be another one") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "usr", "--stop-signal", "USR1", "busybox", "sh", "-c",
              "trap 'exit 33' USR1; echo ready; while :; do sleep 0.05; done"});
  REQUIRE(log_holds(ecrin, "usr", "ready"));
  ecrin.must({"stop", "usr"});
  CHECK(state_of(ecrin, "usr")["ExitCode"] == 33);
}

TEST_CASE("logs tell streams apart, follow, and show the last lines") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "talker", "busybox", "sh", "-c",
              "echo out1; echo err1 >&2; sleep 0.3; echo out2; printf half; sleep 0.3; echo ' line'"});
  const Outcome followed = ecrin({"logs", "-f", "talker"});
  CHECK(followed.out == "out1\nout2\nhalf line\n");
  CHECK(followed.err == "err1\n");
  CHECK(ecrin({"logs", "--tail", "1", "talker"}).out == "half line\n");
  CHECK(ecrin({"logs", "--tail", "0", "talker"}).out.empty());
  CHECK(ecrin({"logs", "--since", "1h", "talker"}).out == followed.out);
  CHECK(ecrin({"logs", "--until", "1h", "talker"}).out.empty());
  CHECK(contains(ecrin.must({"logs", "-t", "talker"}), "Z out1"));
}

TEST_CASE("a log is bounded") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "--name", "loud", "--log-opt", "max-size=8k", "busybox", "sh", "-c",
              "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"});
  const std::string directory = ecrin.inspect("loud")["LogPath"];
  CHECK(std::filesystem::file_size(directory) <= 8192);
  CHECK(std::filesystem::file_size(directory + ".1") <= 8192);
  CHECK(ecrin.must({"logs", "loud"}).ends_with("line 1999"));
}

TEST_CASE("a failing program is started again as its policy says") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "again", "--restart", "on-failure:2", "busybox", "sh", "-c",
              "echo run; exit 3"});
  REQUIRE(becomes(ecrin, "again", "exited"));
  CHECK(ecrin.inspect("again")["RestartCount"] == 2);
  CHECK(ecrin({"logs", "again"}).out == "run\nrun\nrun\n");
  ecrin.must({"run", "-d", "--name", "forever", "--restart", "always", "busybox", "sh", "-c", "exit 0"});
  CHECK(restarts(ecrin, "forever"));
  ecrin.must({"stop", "forever"});
  CHECK(status_of(ecrin, "forever") == "exited");
}

TEST_CASE("a signal that is not the one to stop with is no stop") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "again", "--restart", "always", "busybox", "sh", "-c",
              "trap 'exit 3' INT; echo ready; while :; do sleep 0.05; done"});
  REQUIRE(log_holds(ecrin, "again", "ready"));
  ecrin.must({"kill", "-s", "INT", "again"});
  CHECK(restarts(ecrin, "again"));
}

TEST_CASE("a start that fails leaves what is known of the last end") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.context("file", "");
  CHECK(ecrin({"run", "--name", "ended", "-v", ecrin.context_directory() + ":/x", "busybox", "sh", "-c",
               "exit 3"})
            .code == 3);
  std::filesystem::rename(ecrin.context_directory(), ecrin.context_directory() + ".gone");
  CHECK(one_error(ecrin({"start", "ended"})));
  const nlohmann::json state = state_of(ecrin, "ended");
  CHECK(state["Status"] == "exited");
  CHECK(state["ExitCode"] == 3);
  CHECK(state["Error"] != "");
}

TEST_CASE("exec runs another program in a container") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(with({"run", "-d", "--name", "host", "-e", "A=from-run", "busybox"}, k_patient));
  CHECK(ecrin.must({"exec", "host", "sh", "-c", "echo $A; echo mark > /mark"}) == "from-run");
  CHECK(ecrin.must({"exec", "-e", "A=b", "-w", "/etc", "host", "sh", "-c", "echo $A; pwd"}) == "b\n/etc");
  CHECK(ecrin.must({"exec", "host", "cat", "/mark"}) == "mark");
  CHECK(ecrin({"exec", "host", "sh", "-c", "exit 5"}).code == 5);
  CHECK(ecrin({"exec", "host", "no-such-program"}).code == 127);
  CHECK(ecrin({"exec", "host", "/etc/passwd"}).code == 126);
  CHECK(ecrin.must({"exec", "-u", "1000:1000", "host", "id", "-u"}) == "1000");
  Invocation with_input = ecrin.invocation({"exec", "-i", "host", "cat"});
  with_input.input = "typed\n";
  CHECK(run(with_input).out == "typed\n");
  CHECK(ecrin({"exec", "nobody-there", "true"}).code == 125);
  ecrin.must({"stop", "host"});
  const Outcome stopped = ecrin({"exec", "host", "true"});
  CHECK(stopped.code == 125);
  CHECK(one_error(stopped));
}

TEST_CASE("root of exec has the container's capabilities, whoever the container's user is") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(with({"run", "-d", "--name", "host", "-u", "1000", "busybox"}, k_patient));
  const auto capabilities = [&](Arguments flags) {
    Arguments words = {"exec"};
    words.insert(words.end(), flags.begin(), flags.end());
    return ecrin.must(with(words, {"host", "sh", "-c", "grep CapEff /proc/self/status | cut -f2"}));
  };
  const std::string bounding =
      ecrin.must({"exec", "host", "sh", "-c", "grep CapBnd /proc/self/status | cut -f2"});
  CHECK(capabilities({}) == "0000000000000000");
  CHECK(capabilities({"-u", "root"}) == bounding);
  CHECK(capabilities({"-u", "1001"}) == "0000000000000000");
}

TEST_CASE("files are copied into containers and out of them") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  const std::string directory = ecrin.scratch() / "files";
  std::filesystem::create_directories(directory + "/tree/sub");
  write_file(directory + "/tree/sub/file", "content\n");
  write_file(directory + "/tree/it's [a] *", "odd\n");
  for (const bool runs : {true, false}) {
    INFO("while it runs: " << runs);
    const std::string name = runs ? "runs" : "rests";
    if (runs) {
      ecrin.must(with({"run", "-d", "--name", name, "busybox"}, k_patient));
    } else {
      ecrin.must({"create", "--name", name, "busybox", "sh"});
    }
    ecrin.must({"cp", directory + "/tree", name + ":/new"});
    ecrin.must({"cp", directory + "/tree", name + ":/new"});
    ecrin.must({"cp", directory + "/tree/.", name + ":/new/tree/more"});
    ecrin.must({"cp", directory + "/tree/it's [a] *", name + ":/odd"});
    CHECK(ecrin({"cp", directory + "/tree", name + ":/no/such/place"}).code == 125);
    CHECK(ecrin({"cp", directory + "/tree", name + ":/etc/passwd"}).code == 125);
    const std::string out = directory + "/out-" + name;
    ecrin.must({"cp", name + ":/new", out});
    CHECK(read_file(out + "/sub/file") == "content\n");
    CHECK(read_file(out + "/tree/sub/file") == "content\n");
    CHECK(read_file(out + "/tree/more/sub/file") == "content\n");
    ecrin.must({"cp", name + ":/odd", out});
    CHECK(read_file(out + "/odd") == "odd\n");
    const Outcome diff = ecrin({"diff", name});
    CHECK(contains(diff.out, "A /new/sub/file"));
    CHECK(contains(diff.out, "A /odd"));
    // What leads out of the container stays inside.
    if (runs) {
      ecrin.must({"exec", name, "ln", "-s", directory, "/out"});
      CHECK(ecrin({"cp", directory + "/tree/sub/file", name + ":/out/escaped"}).code == 125);
      CHECK_FALSE(std::filesystem::exists(directory + "/escaped"));
      ecrin.must({"exec", name, "ln", "-s", "/etc/hostname-of-nobody", "/dangling"});
      CHECK(ecrin({"cp", name + ":/dangling", out + "/x"}).code == 125);
    }
    const std::string id = ecrin.must({"commit", name, "made-of-" + name});
    CHECK(id.starts_with("sha256:"));
    CHECK(ecrin.must({"run", "--rm", "made-of-" + name, "cat", "/odd"}) == "odd");
    CHECK(ecrin({"export", "-o", directory + "/" + name + ".tar", name}).code == 0);
    CHECK(std::filesystem::file_size(directory + "/" + name + ".tar") > 1000);
  }
}

TEST_CASE("health checks say how a container is") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(with({"run", "-d", "--name", "well", "--health-cmd", "test -e /ok", "--health-interval", "200ms",
                   "--health-retries", "2", "busybox"},
                  k_patient));
  CHECK(ecrin.must({"wait", "--condition", "unhealthy", "well"}) == "-1");
  ecrin.must({"exec", "well", "touch", "/ok"});
  CHECK(ecrin.must({"wait", "--condition", "healthy", "well"}) == "-1");
  CHECK(ecrin.must({"ps", "-q", "--filter", "health=healthy"}).size() == 12);
}

TEST_CASE("top says how many processes it does not show") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "many", "busybox", "sh", "-c",
              "for i in $(seq 250); do sleep 1000 & done; echo ready; wait"});
  REQUIRE(log_holds(ecrin, "many", "ready"));
  CHECK(contains(ecrin({"top", "many"}).err, "more processes are not shown"));
  ecrin.must({"rm", "-f", "many"});
}

TEST_CASE("exec with a terminal, and top") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(with({"run", "-d", "--name", "host", "busybox"}, k_patient));
  Terminal terminal(
      ecrin.invocation({"exec", "-it", "host", "sh", "-c", "stty size; read x; echo got $x; exit 4"}), 30,
      90);
  REQUIRE(terminal.wait_for("30 90"));
  CHECK(contains(ecrin.must({"top", "host"}), "read x"));
  CHECK(contains(ecrin.must({"top", "host", "pid", "comm"}), "PID"));
  terminal.send("word\r");
  REQUIRE(terminal.wait_for("got word"));
  CHECK(terminal.wait() == 4);
}

TEST_CASE("attach shows what comes, and detaches by keys") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-dit", "--name", "tty", "busybox", "sh"});
  {
    Terminal terminal(ecrin.invocation({"attach", "tty"}), 24, 80);
    terminal.send("echo $((6*7))\r");
    REQUIRE(terminal.wait_for("42"));
    terminal.send("\x10\x11");
    CHECK(terminal.wait() == 0);
  }
  CHECK(status_of(ecrin, "tty") == "running");
  Terminal terminal(ecrin.invocation({"attach", "tty"}), 24, 80);
  terminal.send("exit 9\r");
  CHECK(terminal.wait() == 9);
  CHECK(status_of(ecrin, "tty") == "exited");
}

TEST_CASE("a container in the foreground that is detached from goes on") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  Terminal terminal(ecrin.invocation({"run", "-it", "--name", "left", "busybox", "sh"}), 24, 80);
  terminal.send("echo $((6*7))\r");
  REQUIRE(terminal.wait_for("42"));
  terminal.send("\x10\x11");
  CHECK(terminal.wait() == 0);
  CHECK(status_of(ecrin, "left") == "running");
}

TEST_CASE("a killed monitor takes its container along, and that is seen") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(with({"run", "-d", "--name", "victim", "busybox"}, k_patient));
  const nlohmann::json state = state_of(ecrin, "victim");
  const int monitor = state["ConmonPid"];
  const int pid = state["Pid"];
  REQUIRE(monitor > 1);
  REQUIRE(::kill(monitor, SIGKILL) == 0);
  CHECK(becomes(ecrin, "victim", "exited"));
  CHECK(state_of(ecrin, "victim")["ExitCode"] == 137);
  for (int i = 0; i < 200 && is_process(pid); ++i) std::this_thread::sleep_for(50ms);
  CHECK_FALSE(is_process(pid));
  CHECK(ecrin.must({"start", "victim"}) == "victim");
  CHECK(status_of(ecrin, "victim") == "running");
}

TEST_CASE("a container in the foreground ends with ecrin") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  Running running(ecrin.invocation(with({"run", "--name", "front", "busybox"}, k_patient)));
  REQUIRE(running.wait_for_output("ready"));
  running.signal(SIGKILL);
  running.wait();
  CHECK(becomes(ecrin, "front", "exited"));
}

TEST_CASE("an interrupt ends a container that is still being set up") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"volume", "create", "busy"});
  // As another container that fills the volume: this one waits for it.
  const std::string path = ecrin.root() + "/volumes/busy/fill.lock";
  const int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  REQUIRE(lock >= 0);
  REQUIRE(::fchmod(lock, 0666) == 0);
  REQUIRE(::flock(lock, LOCK_EX) == 0);
  for (const int number : {SIGINT, SIGTERM}) {
    const std::string name = "early" + std::to_string(number);
    Running running(ecrin.invocation({"run", "--name", name, "-v", "busy:/etc", "busybox", "true"}));
    for (int i = 0; i < 600 && ecrin.must({"ps", "-aq", "--filter", "name=" + name}).empty(); ++i)
      std::this_thread::sleep_for(50ms);
    running.signal(number);
    CHECK(running.wait().code == 128 + number);
    CHECK(status_of(ecrin, name) == "created");
  }
  ::close(lock);
}

TEST_CASE("images of containers stay until the containers go") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"create", "--name", "user", "busybox", "true"});
  const Outcome refused = ecrin({"rmi", "busybox"});
  CHECK(refused.code != 0);
  CHECK(contains(refused.err, "user"));
  ecrin.must({"prune", "-af"});
  ecrin.must({"start", "-a", "user"});
  ecrin.must({"rmi", "-f", "busybox"});
  CHECK(ecrin.must({"ps", "-aq"}).empty());
}

TEST_CASE("container prune removes what does not run, and nothing else") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(with({"run", "-d", "--name", "runs", "busybox"}, k_patient));
  ecrin.must({"run", "--name", "ended", "busybox", "true"});
  ecrin.must({"create", "--name", "never", "busybox", "true"});
  CHECK(!ecrin.must({"container", "prune", "-f"}).empty());
  CHECK(ecrin.must({"ps", "-a", "--format", "{{.Names}}"}) == "runs");
}

TEST_CASE("containers are named, renamed and found by the beginning of an ID") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  const std::string id = ecrin.must({"create", "busybox", "true"});
  const std::string name = ecrin.must({"ps", "-a", "--format", "{{.Names}}"});
  CHECK(contains(name, "_"));
  ecrin.must({"rename", id.substr(0, 8), "given"});
  CHECK(ecrin.inspect("given")["Id"] == id);
  ecrin.must({"create", "--name", "other", "busybox", "true"});
  CHECK(ecrin({"rename", "other", "given"}).code == 125);
  CHECK(ecrin({"inspect", "--type", "container", "nobody"}).code == 125);
}

TEST_CASE("eight processes start, stop and remove containers at once") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  std::vector<std::thread> threads;
  std::array<bool, 8> good{};
  for (std::size_t i = 0; i < good.size(); ++i) {
    threads.emplace_back([&, i] {
      const std::string name = "c" + std::to_string(i);
      for (int round = 0; round < 3; ++round) {
        good[i] =
            ecrin(with({"run", "-d", "--name", name, "--network", "none", "busybox"}, k_patient)).code == 0 &&
            ecrin({"stop", "-t", "5", name}).code == 0 && ecrin({"rm", name}).code == 0;
        if (!good[i]) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(std::ranges::all_of(good, [](bool one) { return one; }));
  CHECK(ecrin.must({"ps", "-aq"}).empty());
  CHECK(files_of_containers(ecrin).empty());
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("process numbers of a container and its monitor are written to files", "[any-driver]") {
  Ecrin ecrin;
  const std::string files = ecrin.scratch() / "pids";
  make_directory(files);
  ecrin.must({"run", "-d", "--name", "c", "--network", "none", "--stop-timeout", "0", "--pidfile",
              files + "/first", "--conmon-pidfile", files + "/monitor", "busybox", "sleep", "1000"});
  const auto stat_of = [&](const char* name) { return "/proc/" + read_file(files + "/" + name) + "/stat"; };
  const std::string before = read_file(files + "/first");
  CHECK_FALSE(read_file(stat_of("first")).empty());
  CHECK_FALSE(read_file(stat_of("monitor")).empty());
  ecrin.must({"restart", "c"});
  CHECK(read_file(files + "/first") != before);
  ecrin.must({"rm", "-f", "c"});
}
