// ecrin-runtime as engines call it: as an ordinary user with a config of `spec --rootless`, and as root of a
// user namespace, as under podman.
#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "tests/support/catch.hpp"
#include "tests/support/descriptor_socket.hpp"
#include "tests/support/process.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;
using nlohmann::json;

namespace {

enum class As { user, namespace_root };

// A bundle with busybox, and the runtime on states of this test's own.
class Runtime {
public:
  explicit Runtime(As as = As::user) : m_as(as) {
    run(host_command({"ln", "-s", setting().ecrin, m_scratch / "ecrin-runtime"}));
    if (m_as == As::namespace_root) {
      m_namespace.emplace(host_command({setting().ecrin, "--root", m_scratch / "store", "unshare", "sh", "-c",
                                        "echo ready; exec sleep 1000"}));
      REQUIRE(m_namespace->wait_for_output("ready"));
    }
    for (const char* directory : {"bin", "proc", "dev", "sys", "tmp", "etc"})
      make_directory(rootfs() + "/" + directory);
    run(host_command({"cp", "/bin/busybox", rootfs() + "/bin/busybox"}));
    for (const char* name :
         {"sh", "sleep", "cat", "echo", "true", "false", "kill", "stty", "id", "ls", "env"})
      run(host_command({"ln", "-s", "busybox", rootfs() + "/bin/" + name}));
    must({"spec", "--rootless", "-b", bundle()});
    config = json::parse(read_file(bundle() + "/config.json"));
    config["process"]["terminal"] = false;
    config["root"]["readonly"] = false;
    if (m_as == As::namespace_root) {
      // The namespace is there already: one of its own would need ranges in it.
      auto& namespaces = config["linux"]["namespaces"];
      for (auto entry = namespaces.begin(); entry != namespaces.end(); ++entry)
        if ((*entry)["type"] == "user") {
          namespaces.erase(entry);
          break;
        }
      config["linux"].erase("uidMappings");
      config["linux"].erase("gidMappings");
    }
  }
  ~Runtime() {
    const Outcome list = (*this)({"list", "-q"});
    for (const std::string& id : lines_of(list.out)) (*this)({"delete", "--force", id});
  }
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  std::string bundle() const { return m_scratch / "bundle"; }
  std::string rootfs() const { return m_scratch / "bundle/rootfs"; }
  std::string root() const { return m_scratch / "states"; }
  const Scratch& scratch() const { return m_scratch; }

  void program(const std::string& script) { config["process"]["args"] = {"sh", "-c", script}; }
  void write_config() const { write_file(bundle() + "/config.json", config.dump()); }

  Invocation invocation(Arguments arguments, const Arguments& global = {}) const {
    const std::string program = m_scratch / "ecrin-runtime";
    Invocation made = host_command({program, "--root", root()});
    if (m_namespace) {
      const std::string pid = std::to_string(m_namespace->pid());
      const Arguments enter = {"nsenter", "--preserve-credentials", "-t", pid, "-U", "-m"};
      made.argv.insert(made.argv.begin(), enter.begin(), enter.end());
    }
    made.argv.insert(made.argv.end(), global.begin(), global.end());
    made.argv.insert(made.argv.end(), arguments.begin(), arguments.end());
    made.directory = m_scratch.path();
    made.timeout = std::chrono::seconds(60);
    return made;
  }
  Outcome operator()(Arguments arguments) const { return run(invocation(std::move(arguments))); }
  std::string must(Arguments arguments) const {
    const Outcome outcome = (*this)(std::move(arguments));
    INFO(outcome.description);
    REQUIRE(outcome.code == 0);
    return trimmed(outcome.out);
  }
  std::string status(const std::string& id) const {
    const Outcome outcome = (*this)({"state", id});
    return outcome ? json::parse(outcome.out)["status"].get<std::string>() : "";
  }
  // The program's end is seen a little later than what it did.
  bool becomes(const std::string& id, const std::string& wanted) const {
    for (int attempt = 0; attempt < 200; ++attempt) {
      if (status(id) == wanted) return true;
      ::usleep(50'000);
    }
    return false;
  }
  // create with descriptors of files: what is left open by the container is nothing that a test waits for.
  Outcome create(const std::string& id, Arguments flags = {}) const {
    write_config();
    Arguments words = {"create", "--bundle", bundle()};
    words.insert(words.end(), flags.begin(), flags.end());
    words.push_back(id);
    return quiet(words);
  }
  Outcome quiet(const Arguments& arguments, const Arguments& global = {}) const {
    Invocation made = invocation(arguments, global);
    Arguments shell = {"sh",
                       "-c",
                       "out=$1; err=$2; shift 2; \"$@\" </dev/null >\"$out\" 2>\"$err\"",
                       "sh",
                       m_scratch / "out",
                       m_scratch / "err"};
    made.argv.insert(made.argv.begin(), shell.begin(), shell.end());
    Outcome outcome = run(made);
    outcome.out = read_file(m_scratch / "out");
    outcome.err = read_file(m_scratch / "err");
    outcome.description += "\n" + outcome.out + outcome.err;
    return outcome;
  }

  json config;

private:
  As m_as;
  Scratch m_scratch;
  std::optional<Running> m_namespace;  // one namespace for all commands, as podman has it
};

As either() {
  return GENERATE(As::user, As::namespace_root);
}

}  // namespace

TEST_CASE("the life of a container", "[runtime][any-driver]") {
  Runtime runtime(either());
  runtime.program("echo started; exec sleep 1000");
  const std::string pid_file = runtime.scratch() / "pid";
  const Outcome created = runtime.create("c1", {"--pid-file", pid_file});
  INFO(created.description);
  REQUIRE(created.code == 0);
  const json state = json::parse(runtime.must({"state", "c1"}));
  CHECK(state["ociVersion"] == "1.2.0");
  CHECK(state["id"] == "c1");
  CHECK(state["status"] == "created");
  CHECK(state["bundle"] == runtime.bundle());
  CHECK(state["pid"].get<int>() == std::stoi(read_file(pid_file)));
  CHECK(read_file(runtime.scratch() / "out").empty());  // the program waits

  CHECK(runtime.create("c1").code == 1);  // the id is taken
  CHECK(runtime.status("c1") == "created");
  CHECK(runtime({"delete", "c1"}).code == 1);  // it is not stopped
  runtime.must({"start", "c1"});
  CHECK(runtime.becomes("c1", "running"));
  const Outcome again = runtime({"start", "c1"});
  CHECK(again.code == 1);
  CHECK(contains(again.err, "running"));
  CHECK(runtime({"delete", "c1"}).code == 1);

  const json list = json::parse(runtime.must({"list", "--format", "json"}));
  REQUIRE(list.size() == 1);
  CHECK(list[0]["id"] == "c1");
  CHECK(list[0]["status"] == "running");
  CHECK(contains(runtime.must({"list"}), "running"));
  CHECK(runtime.must({"list", "-q"}) == "c1");
  CHECK(json::parse(runtime.must({"ps", "--format", "json", "c1"})) == json::array({state["pid"]}));
  CHECK(contains(runtime.must({"ps", "c1"}), "sleep 1000"));

  runtime.must({"kill", "c1", "KILL"});
  CHECK(runtime.becomes("c1", "stopped"));
  const Outcome killed = runtime({"kill", "c1"});
  CHECK(killed.code == 1);
  CHECK(contains(killed.err, "container not running"));
  CHECK(runtime({"start", "c1"}).code == 1);
  runtime.must({"delete", "c1"});
  CHECK(runtime({"state", "c1"}).code == 1);
  CHECK(names_in(runtime.root()).empty());
}

TEST_CASE("errors are one line on standard error and in the log", "[runtime][any-driver]") {
  const Runtime runtime;
  const std::string log = runtime.scratch() / "log.json";
  const Outcome outcome =
      run(runtime.invocation({"state", "nothing"}, {"--log", log, "--log-format", "json"}));
  CHECK(outcome.code == 1);
  CHECK(lines_of(outcome.err).size() == 1);
  CHECK(contains(outcome.err, "does not exist"));
  const json line = json::parse(read_file(log));
  CHECK(line["level"] == "error");
  CHECK(contains(line["msg"].get<std::string>(), "does not exist"));
  CHECK(line.contains("time"));
  for (const Arguments& words :
       {Arguments{"state"}, Arguments{"state", "../x"}, Arguments{"kill", "nothing"},
        Arguments{"start", "nothing"}, Arguments{"nonsense"},
        Arguments{"create", "--bundle", "/nowhere", "c1"}, Arguments{"delete", "nothing"},
        Arguments{"checkpoint", "x"}, Arguments{"exec", "--process", "/nowhere", "c1"}}) {
    const Outcome refused = runtime(words);
    INFO(refused.description);
    CHECK(refused.code == (words[0] == "exec" ? 255 : 1));
    CHECK(lines_of(refused.err).size() == 1);
    CHECK(refused.out.empty());
  }
  CHECK(runtime({"delete", "--force", "nothing"}).code == 0);
}

TEST_CASE("a create that fails leaves nothing", "[runtime][any-driver]") {
  Runtime runtime(either());
  SECTION("its program does not exist") {
    runtime.config["process"]["args"] = {"/bin/nothing-of-this-name"};
    const Outcome outcome = runtime.create("c1");
    INFO(outcome.description);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "nothing-of-this-name"));
  }
  SECTION("its pid file cannot be written") {
    runtime.program("exec sleep 1000");
    CHECK(runtime.create("c1", {"--pid-file", "/nowhere/pid"}).code == 1);
  }
  SECTION("it has a terminal that nobody gets") {
    runtime.config["process"]["terminal"] = true;
    CHECK(runtime.create("c1").code == 1);
  }
  SECTION("a hook fails") {
    runtime.program("exec sleep 1000");
    runtime.config["hooks"]["createRuntime"] = {{{"path", "/bin/false"}}};
    CHECK(runtime.create("c1").code == 1);
  }
  CHECK(names_in(runtime.root()).empty());
  CHECK(runtime.must({"list", "--format", "json"}) == "[]");
}

TEST_CASE("run has the program's streams and exit code", "[runtime][any-driver]") {
  Runtime runtime(either());
  runtime.program("cat; echo err >&2; exit 7");
  runtime.write_config();
  Invocation invocation = runtime.invocation({"run", "-b", runtime.bundle(), "c1"});
  invocation.input = "in\n";
  const Outcome outcome = run(invocation);
  INFO(outcome.description);
  CHECK(outcome.code == 7);
  CHECK(outcome.out == "in\n");
  CHECK(outcome.err == "err\n");
  CHECK(names_in(runtime.root()).empty());
}

TEST_CASE("run passes signals on, and stays after --detach and --keep", "[runtime][any-driver]") {
  Runtime runtime;
  SECTION("signals") {
    runtime.program("trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done");
    runtime.write_config();
    Running running(runtime.invocation({"run", "--bundle", runtime.bundle(), "c1"}));
    REQUIRE(running.wait_for_output("ready"));
    running.signal(SIGTERM);
    CHECK(running.wait().code == 9);
  }
  SECTION("detached") {
    runtime.program("exec sleep 1000");
    runtime.write_config();
    REQUIRE(runtime.quiet({"run", "-d", "--bundle", runtime.bundle(), "c1"}).code == 0);
    CHECK(runtime.status("c1") == "running");
    runtime.must({"delete", "--force", "c1"});
    CHECK(names_in(runtime.root()).empty());
  }
  SECTION("kept") {
    runtime.program("exit 0");
    runtime.write_config();
    runtime.must({"run", "--keep", "--bundle", runtime.bundle(), "c1"});
    CHECK(runtime.status("c1") == "stopped");
    runtime.must({"delete", "c1"});
  }
}

TEST_CASE("a terminal is relayed by run, and given to a console socket by create", "[runtime][any-driver]") {
  Runtime runtime;
  runtime.config["process"]["terminal"] = true;
  runtime.program("stty size; echo done-here; exit 3");
  SECTION("run") {
    runtime.write_config();
    Terminal terminal(runtime.invocation({"run", "-b", runtime.bundle(), "c1"}), 33, 77);
    CHECK(terminal.wait_for("33 77"));
    CHECK(terminal.wait() == 3);
  }
  SECTION("create") {
    const std::string path = runtime.scratch() / "console";
    const DescriptorSocket console(path);
    const Outcome created = runtime.create("c1", {"--console-socket", path});
    INFO(created.description);
    REQUIRE(created.code == 0);
    const int master = console.receive().descriptor;
    REQUIRE(master >= 0);
    runtime.must({"start", "c1"});
    std::string screen;
    char buffer[256];
    for (ssize_t count; (count = ::read(master, buffer, sizeof buffer)) > 0;)
      screen.append(buffer, static_cast<std::size_t>(count));
    CHECK(contains(screen, "done-here\r\n"));
    ::close(master);
    CHECK(runtime.becomes("c1", "stopped"));
  }
}

TEST_CASE("exec runs more programs in a container", "[runtime][any-driver]") {
  Runtime runtime(either());
  runtime.program("exec sleep 1000");
  REQUIRE(runtime.create("c1").code == 0);
  runtime.must({"start", "c1"});
  CHECK(runtime.must({"exec", "-e", "A=b", "--cwd", "/tmp", "c1", "sh", "-c", "echo $A; pwd"}) == "b\n/tmp");
  CHECK(runtime.must({"exec", "-e", "PATH=/bin:/other", "c1", "sh", "-c", "echo $PATH $HOME"}) ==
        "/bin:/other /root");
  CHECK(runtime({"exec", "c1", "sh", "-c", "exit 5"}).code == 5);
  CHECK(contains(runtime.must({"exec", "c1", "sh", "-c", "cat /proc/1/cmdline"}), "sleep"));
  const Outcome missing = runtime({"exec", "c1", "nothing-of-this-name"});
  CHECK(missing.code == 255);
  CHECK(contains(missing.err, "executable file not found in $PATH"));
  SECTION("from a file, detached") {
    json process = runtime.config["process"];
    process["args"] = {"sh", "-c", "echo $$ > /tmp/here; exec sleep 1001"};
    write_file(runtime.scratch() / "process.json", process.dump());
    const std::string pid_file = runtime.scratch() / "exec.pid";
    REQUIRE(runtime
                .quiet({"exec", "--process", runtime.scratch() / "process.json", "--detach", "--pid-file",
                        pid_file, "c1"})
                .code == 0);
    const json pids = json::parse(runtime.must({"ps", "--format", "json", "c1"}));
    CHECK(pids.size() == 2);
    const int pid = std::stoi(read_file(pid_file));
    CHECK(std::find(pids.begin(), pids.end(), json(pid)) != pids.end());
  }
  SECTION("kill --all reaches them") {
    REQUIRE(runtime.quiet({"exec", "-d", "c1", "sleep", "1002"}).code == 0);
    runtime.must({"kill", "--all", "c1", "KILL"});
    CHECK(runtime.becomes("c1", "stopped"));
    CHECK(json::parse(runtime.must({"ps", "-f", "json", "c1"})).empty());
    const Outcome late = runtime({"exec", "c1", "true"});
    CHECK(late.code == 255);
    CHECK(contains(late.err, "container not running"));
  }
}

TEST_CASE("delete --force kills what runs or waits", "[runtime][any-driver]") {
  Runtime runtime(either());
  runtime.program("exec sleep 1000");
  REQUIRE(runtime.create("c1").code == 0);
  REQUIRE(runtime.create("c2").code == 0);
  runtime.must({"start", "c2"});
  runtime.must({"delete", "--force", "c1"});
  runtime.must({"delete", "-f", "c2"});
  CHECK(names_in(runtime.root()).empty());
}

TEST_CASE("hooks run in their order with the state on standard input", "[runtime][any-driver]") {
  Runtime runtime(either());
  const std::string log = runtime.scratch() / "hooks";
  runtime.program("exit 0");
  for (const char* kind : {"prestart", "createRuntime", "poststart", "poststop"})
    runtime.config["hooks"][kind] = {
        {{"path", "/bin/sh"},
         {"args", {"sh", "-c", std::string("printf '") + kind + " %s\\n' \"$(cat)\" >> " + log}}}};
  REQUIRE(runtime.create("c1").code == 0);
  runtime.must({"start", "c1"});
  CHECK(runtime.becomes("c1", "stopped"));
  runtime.must({"delete", "c1"});
  const std::vector<std::string> lines = lines_of(read_file(log));
  REQUIRE(lines.size() == 4);
  const std::vector<std::pair<std::string, std::string>> wanted = {{"prestart ", "creating"},
                                                                   {"createRuntime ", "creating"},
                                                                   {"poststart ", "running"},
                                                                   {"poststop ", "stopped"}};
  for (std::size_t index = 0; index < wanted.size(); ++index) {
    INFO(lines[index]);
    REQUIRE(lines[index].starts_with(wanted[index].first));
    const json state = json::parse(lines[index].substr(wanted[index].first.size()));
    CHECK(state["id"] == "c1");
    CHECK(state["status"] == wanted[index].second);
    CHECK(state["bundle"] == runtime.bundle());
  }
}

TEST_CASE("the runtime says what it is", "[runtime][any-driver]") {
  const Runtime runtime;
  const std::string version = runtime.must({"--version"});
  CHECK(version.starts_with("ecrin-runtime version "));
  CHECK(contains(version, "\nspec: 1.2"));
  CHECK(contains(runtime.must({"--help"}), "delete"));
  CHECK(contains(runtime.must({"create", "--help"}), "--console-socket"));
  CHECK(json::parse(runtime.must({"features"})).contains("hooks"));
  const Outcome same = run(host_command({setting().ecrin, "runtime", "--version"}));
  CHECK(trimmed(same.out) == version);
}
