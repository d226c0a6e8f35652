// Ways out of a container that once worked somewhere: each is tried, and refused.
#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;
using nlohmann::json;

namespace {

Outcome in_busybox(const Ecrin& ecrin, const std::string& script, Arguments flags = {}) {
  Arguments arguments = {"run", "--rm"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"busybox", "sh", "-c", script});
  return ecrin(std::move(arguments));
}

std::string attempt(const Ecrin& ecrin, const std::string& call) {
  return trimmed(in_busybox(ecrin, "test-init try " + call).out);
}

std::string digest_of(const std::string& file) {
  return run(host_command({"sha256sum", file})).out;
}

// A container that runs, made by the OCI runtime from the same files.
class Bundle {
public:
  Bundle() {
    run(host_command({"ln", "-s", setting().ecrin, m_program}));
    for (const char* directory : {"bin", "proc", "dev", "sys", "tmp"})
      make_directory(m_scratch / "bundle/rootfs" + "/" + directory);
    for (const std::string& file : {std::string("/bin/busybox"), setting().test_init})
      run(host_command({"cp", file, m_scratch / "bundle/rootfs/bin"}));
    for (const char* name : {"sh", "sleep", "cat", "ls", "readlink", "grep"})
      run(host_command({"ln", "-s", "busybox", m_scratch / "bundle/rootfs/bin" + "/" + name}));
    (*this)({"spec", "--rootless", "-b", m_scratch / "bundle"});
    config = json::parse(read_file(m_scratch / "bundle/config.json"));
    config["process"]["terminal"] = false;
    config["process"]["args"] = {"sleep", "1000"};
    config["root"]["readonly"] = false;
  }
  ~Bundle() { (*this)({"delete", "--force", "escape"}); }
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;

  // With a descriptor of the host's root directory that nobody asked to pass on.
  Outcome operator()(Arguments arguments) const {
    Invocation invocation =
        host_command({"sh", "-c", "exec 9</ && exec \"$@\" <&- >$0/out 2>$0/err", m_scratch.path()});
    invocation.argv.insert(invocation.argv.end(), prefix.begin(), prefix.end());
    invocation.argv.insert(invocation.argv.end(), {m_program, "--root", m_scratch / "states"});
    invocation.argv.insert(invocation.argv.end(), arguments.begin(), arguments.end());
    Outcome outcome = run(invocation);
    outcome.out = read_file(m_scratch / "out");
    outcome.err = read_file(m_scratch / "err");
    outcome.description += "\n" + outcome.out + outcome.err;
    return outcome;
  }
  Outcome create() const {
    write_file(m_scratch / "bundle/config.json", config.dump());
    return (*this)({"create", "-b", m_scratch / "bundle", "escape"});
  }
  void start() const {
    const Outcome created = create();
    INFO(created.description);
    REQUIRE(created.code == 0);
    REQUIRE((*this)({"start", "escape"}).code == 0);
  }

  json config;
  Arguments prefix;  // what executes the runtime

private:
  Scratch m_scratch;
  std::string m_program = m_scratch / "ecrin-runtime";
};

}  // namespace

TEST_CASE("the program of ecrin cannot be overwritten through /proc/self/exe", "[any-driver]") {
  Ecrin ecrin;
  const std::string before = digest_of(setting().ecrin);
  // As the container's program, and through what pid 1 was executed from.
  for (const char* target : {"/proc/self/exe", "/proc/1/exe"}) {
    const Outcome outcome = in_busybox(ecrin, std::string("for i in 1 2 3; do (echo x >> ") + target +
                                                  ") 2>/dev/null && echo written; done; true");
    INFO(outcome.description);
    if (std::string(target) == "/proc/1/exe") CHECK_FALSE(contains(outcome.out, "written"));
  }
  // The stage is executed a second time, has no plan, and ends.
  const Outcome again = ecrin({"run", "--rm", "busybox", "/proc/self/exe"});
  INFO(again.description);
  CHECK(again.code != 0);
  Bundle bundle;
  bundle.start();
  const Outcome entered = bundle({"exec", "escape", "/proc/self/exe"});
  INFO(entered.description);
  CHECK(entered.code != 0);
  const Outcome looked =
      bundle({"exec", "escape", "sh", "-c", "for f in /proc/[0-9]*/exe; do readlink $f; done"});
  INFO(looked.description);
  CHECK_FALSE(contains(looked.out, "ecrin"));
  CHECK(digest_of(setting().ecrin) == before);
}

TEST_CASE("a working directory of the host is not reached through a descriptor", "[any-driver]") {
  Ecrin ecrin;
  Bundle bundle;
  for (int number = 3; number < 20; ++number) {
    const std::string path = "/proc/self/fd/" + std::to_string(number);
    INFO(path);
    if (number == 9) {
      Invocation invocation = ecrin.invocation({"run", "--rm", "-w", path, "busybox", "ls", "home"});
      invocation.argv.insert(invocation.argv.begin(), {"sh", "-c", "exec 9</ && exec \"$@\"", "sh"});
      const Outcome outcome = run(invocation);
      INFO(outcome.description);
      CHECK(outcome.code != 0);
      CHECK(outcome.out.empty());
    }
    bundle.config["process"]["cwd"] = path;
    const Outcome created = bundle.create();
    INFO(created.description);
    CHECK(created.code != 0);
    bundle({"delete", "--force", "escape"});
  }
  bundle.config["process"]["cwd"] = "/";
  bundle.start();
  for (int number = 3; number < 20; ++number) {
    const std::string path = "/proc/self/fd/" + std::to_string(number);
    const Outcome outcome = bundle({"exec", "--cwd", path, "escape", "ls"});
    INFO(outcome.description);
    CHECK(outcome.code != 0);
    CHECK(outcome.out.empty());
  }
  CHECK(bundle({"exec", "escape", "test-init", "descriptors"}).out == " 0 1 2\n");
}

TEST_CASE("keys of the user's session are not within reach", "[any-driver]") {
  Ecrin ecrin;
  const std::string& init = setting().test_init;
  const auto with_key = [&](Arguments arguments) {
    Invocation invocation = ecrin.invocation(std::move(arguments));
    invocation.argv.insert(invocation.argv.begin(), {init, "with-key"});
    return run(invocation);
  };
  const Outcome outside = run(host_command({init, "with-key", init, "try", "find-key"}));
  if (trimmed(outside.out) != "ok") ECRIN_SKIP("this host gives its users no keyrings");
  // The filter forbids even to ask; without one there is another session.
  const Outcome inside = with_key({"run", "--rm", "busybox", "test-init", "try", "find-key"});
  INFO(inside.description);
  CHECK(trimmed(inside.out) == "EPERM");
  Bundle bundle;
  bundle.prefix = {init, "with-key"};
  bundle.config["linux"].erase("seccomp");
  bundle.start();
  CHECK(trimmed(bundle({"exec", "escape", "test-init", "try", "find-key"}).out) == "ENOKEY");
}

TEST_CASE("nothing can be typed into the user's terminal", "[any-driver]") {
  Ecrin ecrin;
  Invocation invocation =
      ecrin.invocation({"run", "--rm", "-i", "busybox", "test-init", "try", "inject-input"});
  Terminal terminal(invocation, 24, 80);
  terminal.wait();
  INFO(terminal.screen());
  CHECK_FALSE(contains(terminal.screen(), "ok"));
  CHECK(contains(terminal.screen(), "E"));
}

TEST_CASE("a container's environment does not reach programs of ecrin's own", "[any-driver]") {
  Ecrin ecrin;
  const Arguments flags = {"-e", "LD_PRELOAD=/tmp/ecrin-preload.so", "-e", "LD_LIBRARY_PATH=/tmp"};
  // Dynamically linked programs that get it would complain; those of the image are static.
  const Outcome outcome = in_busybox(ecrin, "cat /proc/1/environ; echo $LD_PRELOAD", flags);
  INFO(outcome.description);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "/tmp/ecrin-preload.so\n");
  CHECK_FALSE(contains(outcome.err, "preload"));
  Bundle bundle;
  bundle.config["process"]["env"] = {"PATH=/bin", "LD_PRELOAD=/tmp/ecrin-preload.so"};
  const Outcome created = bundle.create();
  INFO(created.description);
  CHECK(created.code == 0);
  CHECK_FALSE(contains(created.err, "preload"));
}

TEST_CASE("pid 1 cannot be traced, read or walked through", "[any-driver]") {
  Ecrin ecrin;
  for (const char* call : {"trace-init", "read-init", "root-of-init"}) {
    INFO(call);
    const std::string answer = attempt(ecrin, call);
    CHECK((answer == "EPERM" || answer == "EACCES"));
  }
  const Outcome outcome = in_busybox(ecrin, "readlink /proc/1/fd/* | wc -l");
  CHECK(trimmed(outcome.out) == "0");
}

TEST_CASE("a container's monitor cannot be seen, traced or killed by its root", "[any-driver]") {
  Ecrin ecrin;
  ecrin.must({"run", "-d", "--name", "c", "--cap-add", "ALL", "--security-opt", "seccomp=unconfined",
              "--network", "host", "busybox", "sleep", "1000"});
  const json state = ecrin.inspect("c").at("State");
  const std::string monitor = std::to_string(state.at("ConmonPid").get<int>());
  REQUIRE(monitor != "0");
  for (const std::string& pid : {monitor, std::to_string(state.at("Pid").get<int>())}) {
    for (const std::string& attempt :
         {"kill -9 " + pid, "cat /proc/" + pid + "/mem", "ls /proc/" + pid + "/root/"}) {
      const Outcome outcome = ecrin({"exec", "c", "sh", "-c", attempt});
      INFO(outcome.description);
      CHECK(outcome.code != 0);
      CHECK(outcome.out.empty());
    }
  }
  CHECK(ecrin.must({"exec", "c", "echo", "here"}) == "here");
  CHECK(ecrin.inspect("c").at("State").at("ConmonPid").get<int>() == std::stoi(monitor));
  ecrin.must({"rm", "-f", "-t", "0", "c"});
}
