// What containers use and may use, and where their ports are: stats, port, pause, update. Most hosts of tests
// delegate no cgroup to users: then figures come from processes, and pause and limits are refused with the
// reason. tests/vm has a host that can all of it.
#include <signal.h>

#include <chrono>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/ports.hpp"

using namespace ecrin::tests;
using namespace std::chrono_literals;

namespace {

struct Tidy {
  const Ecrin& ecrin;
  ~Tidy() { ecrin({"rm", "-fa"}); }
};

bool lacks_cgroup(const Outcome& outcome) {
  return outcome.code == 125 && contains(outcome.err, "has no cgroup of its own") &&
         contains(outcome.err, "hint: ");
}

std::string port_of_host(const Ecrin& ecrin, const std::string& name, const std::string& port) {
  const std::string place = ecrin.must({"port", name, port});
  return place.substr(place.rfind(':') + 1);
}

}  // namespace

TEST_CASE("ports of a container are shown, and chosen again at the next start", "[any-driver]") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  const std::string fixed = free_port();
  ecrin.must({"create", "--name", "server", "-p", "80", "-p", "127.0.0.1:" + fixed + ":81/udp", "--expose",
              "90", "busybox", "test-init", "serve", "80", "81"});
  // A free port is not known before the first start.
  CHECK(ecrin.must({"port", "server"}) == "81/udp -> 127.0.0.1:" + fixed);
  ecrin.must({"start", "server"});
  const std::string chosen = port_of_host(ecrin, "server", "80");
  CHECK(ecrin.must({"port", "server"}) == "80/tcp -> 0.0.0.0:" + chosen + "\n81/udp -> 127.0.0.1:" + fixed);
  CHECK(ecrin.must({"port", "server", "81/udp"}) == "127.0.0.1:" + fixed);
  CHECK(one_error(ecrin({"port", "server", "81"})));
  CHECK(contains(ecrin.must({"port", "-a"}), "\t80/tcp -> "));
  const std::string column = "0.0.0.0:" + chosen + "->80/tcp, 127.0.0.1:" + fixed + "->81/udp";
  CHECK(ecrin.must({"ps", "--format", "{{.Ports}}"}) == column);
  CHECK(contains(ecrin.must({"ps"}), column));
  const auto document = ecrin.json({"ps", "--format", "json"});
  CHECK(document[0]["Ports"][1]["host_ip"] == "127.0.0.1");
  const auto seen = ecrin.inspect("server");
  CHECK(seen["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] == chosen);
  CHECK(seen["NetworkSettings"]["Ports"]["90/tcp"].is_null());
  CHECK(seen["HostConfig"]["PortBindings"]["81/udp"][0]["HostIp"] == "127.0.0.1");
  bool answers = false;
  for (int i = 0; i < 100 && !answers; ++i) {
    answers = answer_of_server("tcp", "127.0.0.1", chosen) == "tcp 80 hello";
    if (!answers) std::this_thread::sleep_for(100ms);
  }
  CHECK(answers);

  ecrin.must({"stop", "-t", "0", "server"});
  CHECK(port_of_host(ecrin, "server", "80") == chosen);
  ecrin.must({"start", "server"});
  CHECK(port_of_host(ecrin, "server", "80") == chosen);
  ecrin.must({"stop", "-t", "0", "server"});
  // Somebody else has it now.
  ecrin.must({"run", "-d", "--name", "other", "-p", chosen + ":80", "busybox", "sleep", "1000"});
  ecrin.must({"start", "server"});
  CHECK(port_of_host(ecrin, "server", "80") != chosen);
}

TEST_CASE("stats say what a container uses", "[any-driver]") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "busy", "busybox", "sh", "-c", "while :; do :; done"});
  ecrin.must({"run", "-d", "--name", "idle", "--network", "host", "busybox", "sleep", "1000"});
  ecrin.must({"create", "--name", "new", "busybox", "true"});
  std::this_thread::sleep_for(500ms);
  const auto all = ecrin.json({"stats", "--no-stream", "--format", "json"});
  REQUIRE(all.size() == 2);
  CHECK(all[0]["name"] == "busy");
  CHECK(all[0]["cpu_percent"] != "--");
  CHECK(all[0]["cpu_percent"] != "0.00%");
  CHECK(std::stoi(all[0]["pids"].get<std::string>()) >= 1);
  CHECK(contains(all[0]["mem_usage"].get<std::string>(), "B / "));
  CHECK_FALSE(contains(all[0]["net_io"].get<std::string>(), "--"));
  CHECK(all[1]["net_io"] == "-- / --");
  const std::string numbers =
      ecrin.must({"stats", "--no-stream", "--format", "{{.CPUNano}} {{.MemUsageBytes}}", "busy"});
  CHECK(std::stoll(numbers) > 0);
  CHECK(contains(ecrin.must({"stats", "--no-stream", "--all"}), "MEM USAGE / LIMIT"));
  CHECK(ecrin.must({"stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", "new"}) == "new -- / --");
  CHECK(one_error(ecrin({"stats", "--no-stream", "nobody"})));
  CHECK(one_error(ecrin({"stats", "--interval", "0"})));

  // It goes on until the last one that was named has ended.
  Running running(ecrin.invocation({"stats", "-i", "1", "--format", "{{.Name}} {{.PIDs}}", "busy"}));
  CHECK(running.wait_for_output("busy"));
  ecrin.must({"kill", "busy"});
  const Outcome ended = running.wait();
  CHECK(ended.code == 0);
  CHECK(contains(ended.out, "busy --"));
}

TEST_CASE("a container is paused and goes on, or that is refused with the reason", "[any-driver]") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "one", "busybox", "sh", "-c", "while :; do sleep 0.05; done"});
  CHECK(one_error(ecrin({"unpause", "one"})));
  const Outcome paused = ecrin({"pause", "one"});
  if (!lacks_cgroup(paused)) {
    REQUIRE(paused.code == 0);
    CHECK(paused.out == "one\n");
    CHECK(ecrin.must({"ps", "--filter", "status=paused", "--format", "{{.Names}} {{.Status}}"}) ==
          "one Paused");
    CHECK(ecrin.inspect("one")["State"]["Paused"] == true);
    CHECK(contains(ecrin({"exec", "one", "true"}).err, "paused"));
    CHECK(one_error(ecrin({"stop", "one"})));
    CHECK(one_error(ecrin({"pause", "one"})));
    CHECK(ecrin.must({"unpause", "one"}) == "one");
    ecrin.must({"exec", "one", "true"});
    ecrin.must({"pause", "one"});
    ecrin.must({"kill", "one"});
    CHECK(ecrin.must({"wait", "one"}) == "137");
    ecrin.must({"start", "one"});
    ecrin.must({"pause", "-a"});
    // What is frozen ends with its monitor, too.
    const auto state = ecrin.inspect("one")["State"];
    ::kill(state["ConmonPid"].get<int>(), SIGKILL);
    bool ended = false;
    for (int i = 0; i < 200 && !ended; ++i) {
      ended = !exists("/proc/" + std::to_string(state["Pid"].get<int>()) + "/ns/pid");
      if (!ended) std::this_thread::sleep_for(50ms);
    }
    CHECK(ended);
    ecrin.must({"start", "one"});
    ecrin.must({"pause", "one"});
    CHECK(ecrin.must({"rm", "-f", "one"}) == "one");
    return;
  }
  CHECK(ecrin.inspect("one")["State"]["Status"] == "running");
  ecrin.must({"exec", "one", "true"});
  CHECK(one_error(ecrin({"pause", "--all"})));
  ecrin.must({"kill", "one"});
  ecrin.must({"wait", "one"});
  const Outcome stopped = ecrin({"pause", "one"});
  CHECK(one_error(stopped));
  CHECK(contains(stopped.err, "not running"));
}

TEST_CASE("limits and the restart policy of a container are changed, or that is refused", "[any-driver]") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  const std::string id = ecrin.must({"run", "-d", "--name", "one", "busybox", "sh", "-c",
                                     "[ -e /twice ] && exec sleep 1000; while [ ! -e /go ]; do sleep 0.05; "
                                     "done; touch /twice; exit 3"});
  CHECK(ecrin.must({"update", "--restart", "on-failure:5", "one"}) == id);
  CHECK(ecrin.inspect("one")["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] == 5);
  const Outcome limited = ecrin({"update", "--memory", "64m", "--restart", "no", "one"});
  if (limited.code != 0) {
    // No cgroup, or one without this limit. All of it or nothing.
    CHECK(one_error(limited));
    CHECK(ecrin.inspect("one")["HostConfig"]["RestartPolicy"]["Name"] == "on-failure");
    CHECK(ecrin.inspect("one")["HostConfig"]["Memory"] == 0);
    // It is the policy of the monitor that runs already.
    ecrin.must({"exec", "one", "touch", "/go"});
    bool restarted = false;
    for (int i = 0; i < 600 && !restarted; ++i) {
      restarted = ecrin.inspect("one")["RestartCount"] > 0;
      if (!restarted) std::this_thread::sleep_for(50ms);
    }
    CHECK(restarted);
    ecrin.must({"stop", "-t", "0", "one"});
    const Outcome stopped = ecrin({"update", "--memory", "64m", "one"});
    CHECK(one_error(stopped));
    CHECK(contains(stopped.err, "cannot be set"));
    CHECK(ecrin.inspect("one")["HostConfig"]["Memory"] == 0);
    ecrin.must({"update", "--memory", "0", "one"});
    ecrin.must({"start", "one"});
  } else {
    CHECK(ecrin.inspect("one")["HostConfig"]["Memory"] == 64 << 20);
    CHECK(ecrin.inspect("one")["HostConfig"]["RestartPolicy"]["Name"] == "no");
  }
  CHECK(one_error(ecrin({"update", "one"})));
  CHECK(one_error(ecrin({"update", "--memory", "much", "one"})));
  CHECK(one_error(ecrin({"update", "--restart", "sometimes", "one"})));
}

TEST_CASE("volumes of a container are shown with their names", "[any-driver]") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must(
      {"run", "-d", "--name", "one", "-v", "/nameless", "-v", "named:/named", "busybox", "sleep", "1000"});
  const auto mounts = ecrin.inspect("one")["Mounts"];
  REQUIRE(mounts.size() == 2);
  const std::string name = mounts[0]["Name"];
  CHECK(name.size() == 64);
  CHECK(mounts[0]["Source"] == ecrin.root() + "/volumes/" + name + "/data");
  CHECK(mounts[1]["Name"] == "named");
  CHECK(ecrin.must({"volume", "inspect", "--format", "{{.Name}}", name}) == name);
  CHECK(ecrin.json({"ps", "--format", "json"})[0]["Mounts"] == nlohmann::json{"/nameless", "/named"});
}

TEST_CASE("a shell is known by what runs in it", "[any-driver]") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  Terminal terminal(ecrin.invocation({"shell", "--name", "inside", "busybox"}), 24, 80);
  terminal.send("echo $((6*7))\r");
  REQUIRE(terminal.wait_for("42"));
  const auto seen = ecrin.inspect("inside");
  CHECK(seen["Path"] == "/bin/sh");
  CHECK(seen["HostConfig"]["AutoRemove"] == true);
  CHECK(seen["Config"]["Tty"] == true);
  CHECK(contains(ecrin.must({"ps", "--format", "{{.Command}}"}), "/bin/sh"));
  terminal.send("exit 5\r");
  CHECK(terminal.wait() == 5);
  CHECK(ecrin.must({"ps", "-aq"}).empty());
}

TEST_CASE("a program that was executed goes on when its terminal is left", "[any-driver]") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"run", "-d", "--name", "host", "busybox", "sleep", "1000"});
  {
    Terminal terminal(ecrin.invocation({"exec", "-it", "--detach-keys", "ctrl-x,x", "host", "sh", "-c",
                                        "echo begun; head -c 1000000 /dev/zero | tr '\\0' x; "
                                        "while [ ! -e /go ]; do sleep 0.05; done; "
                                        "head -c 1000000 /dev/zero | tr '\\0' x; touch /done"}),
                      24, 80);
    REQUIRE(terminal.wait_for("begun"));
    terminal.send("\x18x");
    CHECK(terminal.wait() == 0);
  }
  // What it writes now is for nobody, and does not stop it.
  ecrin.must({"exec", "host", "touch", "/go"});
  bool done = false;
  for (int i = 0; i < 600 && !done; ++i) {
    done = ecrin({"exec", "host", "test", "-e", "/done"}).code == 0;
    if (!done) std::this_thread::sleep_for(50ms);
  }
  CHECK(done);
  CHECK(one_error(ecrin({"exec", "-it", "--detach-keys", "nonsense", "host", "true"})));
}

TEST_CASE("containers are started by filter, and links are followed by cp", "[any-driver]") {
  Ecrin ecrin;
  const Tidy tidy{ecrin};
  ecrin.must({"create", "--name", "one", "--label", "kind=a", "busybox", "sleep", "1000"});
  ecrin.must({"create", "--name", "two", "--label", "kind=b", "busybox", "sleep", "1000"});
  CHECK(ecrin.must({"start", "--filter", "label=kind=b"}) == "two");
  CHECK(ecrin.must({"ps", "--format", "{{.Names}}"}) == "two");
  CHECK(one_error(ecrin({"start", "--filter", "label=kind=a", "two"})));
  ecrin.must({"exec", "two", "sh", "-c", "echo text > /file; ln -s file /link"});
  const std::string place = ecrin.scratch() / "copied";
  ecrin.must({"cp", "-L", "two:/link", place});
  CHECK(read_file(place) == "text\n");
}
