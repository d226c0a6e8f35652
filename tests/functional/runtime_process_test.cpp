// What the program of a bundle gets from ecrin-runtime, and what engines rely on around it.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/bundle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/descriptor_socket.hpp"

using namespace ecrin::tests;
using nlohmann::json;

namespace {

Outcome quiet(const Bundle& bundle, const Arguments& arguments) {
  Invocation made = bundle.runtime(arguments);
  const Arguments shell = {"sh", "-c", "\"$@\" </dev/null >/dev/null 2>\"$0\"", bundle.scratch() / "err"};
  made.argv.insert(made.argv.begin(), shell.begin(), shell.end());
  Outcome outcome = run(made);
  outcome.err = read_file(bundle.scratch() / "err");
  outcome.description += "\n" + outcome.err;
  return outcome;
}

void must(const Bundle& bundle, const Arguments& arguments) {
  const Outcome outcome = quiet(bundle, arguments);
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
}

}  // namespace

TEST_CASE("an unknown capability is a warning, and the program runs", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["process"]["capabilities"]["bounding"].push_back("CAP_FLY");
  const Outcome outcome = bundle.run("echo ran");
  INFO(outcome.description);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "ran\n");
  CHECK(contains(outcome.err, "CAP_FLY"));
}

TEST_CASE("each variable is there once, with its last value, and an empty HOME is none",
          "[runtime][any-driver]") {
  Bundle bundle;
  write_file(bundle.rootfs() + "/etc/passwd", "root:x:0:0:root:/home/of-root:/bin/sh\n");
  bundle.config["process"]["env"] = {"PATH=/bin", "ONE=1", "HOME=", "ONE=2", "TWO="};
  CHECK(bundle.must("cat /proc/1/environ | /bin/busybox tr '\\0' '\\n' | /bin/busybox sort") ==
        "HOME=/home/of-root\nONE=2\nPATH=/bin\nTWO=\n");
}

TEST_CASE("names of the host have one place in the config", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["linux"]["sysctl"] = {{"kernel.hostname", "other"}};
  Outcome outcome = bundle.run("true");
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "hostname"));
  bundle.config["domainname"] = "one";
  bundle.config["linux"]["sysctl"] = {{"kernel.domainname", "two"}};
  outcome = bundle.run("true");
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "domain name 'one'"));
}

TEST_CASE("what a terminal's program writes has its own line ends in a file", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["process"]["terminal"] = true;
  const Outcome outcome = bundle.run("test -t 1 && echo one && echo two");
  INFO(outcome.description);
  CHECK(outcome.out == "one\ntwo\n");
}

TEST_CASE("what is masked twice is covered once", "[runtime][any-driver]") {
  Bundle bundle;
  make_directory(bundle.rootfs() + "/etc/hidden");
  bundle.config["linux"]["maskedPaths"] = {"/etc/hidden", "/etc/./hidden", "/etc/hidden"};
  CHECK(bundle.must("grep -c ' /etc/hidden ' /proc/self/mountinfo") == "1\n");
}

TEST_CASE("devices that are the host's can be neither executed nor set-user-ID", "[runtime][any-driver]") {
  Bundle bundle;
  const std::string mounts = bundle.must("grep ' /dev/\\(null\\|zero\\|tty\\) ' /proc/self/mountinfo");
  INFO(mounts);
  REQUIRE(lines_of(mounts).size() == 3);
  for (const std::string& line : lines_of(mounts)) {
    CHECK(contains(line, "nosuid"));
    CHECK(contains(line, "noexec"));
  }
}

TEST_CASE("hooks in the container: their pid, directory and variables", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["process"]["env"] = {"PATH=/bin", "WORD=said", "LD_PRELOAD=/tmp/of-the-image.so"};
  const std::string log = bundle.scratch() / "log";
  bundle.config["hooks"]["createContainer"] = {
      {{"path", "/bin/sh"},
       {"args", {"sh", "-c", "{ cat; echo; /bin/pwd; echo \"<$WORD$LD_PRELOAD>\"; } > " + log}}}};
  bundle.config["hooks"]["startContainer"] = {
      {{"path", "/bin/sh"}, {"args", {"sh", "-c", "{ cat; echo; echo \"$WORD\"; } > /tmp/log"}}}};
  const std::vector<std::string> inside = lines_of(bundle.must("cat /tmp/log"));
  REQUIRE(inside.size() == 2);
  CHECK(json::parse(inside[0])["pid"] == 1);
  CHECK(json::parse(inside[0])["status"] == "created");
  CHECK(inside[1] == "said");
  const std::vector<std::string> created = lines_of(read_file(log));
  REQUIRE(created.size() == 3);
  CHECK(json::parse(created[0])["pid"] == 1);
  CHECK(json::parse(created[0])["status"] == "creating");
  CHECK_FALSE(created[1] == bundle.path());
  // A program of the host has nothing that an image may have chosen.
  CHECK(created[2] == "<>");
  // The runtime's own variables are those of hooks outside.
  bundle.config["hooks"] = {
      {"prestart", {{{"path", "/bin/sh"}, {"args", {"sh", "-c", "echo \"$WORD\" > " + log}}}}}};
  bundle.write("true");
  Invocation made = bundle.runtime({"run", "--bundle", bundle.path(), "box"});
  CHECK(run(made.set("WORD", "ours")).code == 0);
  CHECK(read_file(log) == "ours\n");
}

TEST_CASE("the first hook that fails is named by its place", "[runtime][any-driver]") {
  Bundle bundle;
  for (const char* kind : {"prestart", "createRuntime", "createContainer", "startContainer"}) {
    const char* path = std::string(kind) == "startContainer" ? "/bin/" : "/usr/bin/";
    bundle.config["hooks"] = {{kind,
                               {{{"path", std::string(path) + "env"}, {"args", {"env"}}},
                                {{"path", "/bin/sh"}, {"args", {"sh", "-c", "exit 3"}}}}}};
    run(host_command({"ln", "-sf", "busybox", bundle.rootfs() + "/bin/env"}));
    const Outcome outcome = bundle.run("echo ran");
    INFO(outcome.description);
    CHECK(outcome.code == 1);
    CHECK(outcome.out.find("ran") == std::string::npos);
    CHECK(contains(outcome.err, std::string("error running ") + kind + " hook #1:"));
  }
}

TEST_CASE("a container has all processors, also of an engine that is kept to one", "[runtime][any-driver]") {
  Bundle bundle;
  const std::string all = bundle.must("grep Cpus_allowed_list /proc/self/status");
  bundle.write("grep Cpus_allowed_list /proc/self/status");
  Invocation kept = bundle.runtime({"run", "--bundle", bundle.path(), "box"});
  const Arguments taskset = {"taskset", "-c", "0"};
  kept.argv.insert(kept.argv.begin(), taskset.begin(), taskset.end());
  const Outcome outcome = run(kept);
  INFO(outcome.description);
  CHECK(outcome.out == all);
}

TEST_CASE("what was killed can be deleted at once", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.write("exec sleep 1000");
  for (int round = 0; round < 10; ++round) {
    must(bundle, {"run", "--detach", "--bundle", bundle.path(), "box"});
    must(bundle, {"kill", "box", "KILL"});
    must(bundle, {"delete", "box"});
  }
}

TEST_CASE("a container that waits to be started ends with a signal", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.write("exec sleep 1000");
  must(bundle, {"create", "--bundle", bundle.path(), "box"});
  must(bundle, {"kill", "box", "TERM"});
  std::string status;
  for (int attempt = 0; attempt < 200 && status != "stopped"; ++attempt) {
    status = json::parse(run(bundle.runtime({"state", "box"})).out)["status"];
    ::usleep(20'000);
  }
  CHECK(status == "stopped");
  must(bundle, {"delete", "box"});
}

TEST_CASE("a program is executed in a container that waits to be started", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.write("exec sleep 1000");
  must(bundle, {"create", "--bundle", bundle.path(), "box"});
  const Outcome entered =
      run(bundle.runtime({"exec", "box", "sh", "-c", "id -u; cat /proc/self/uid_map; ls /"}));
  INFO(entered.description);
  CHECK(entered.code == 0);
  CHECK(entered.out.starts_with("0\n"));
  CHECK(contains(entered.out, "bin\n"));
  CHECK_FALSE(contains(entered.out, "usr\n"));
  // It waits still.
  CHECK(json::parse(run(bundle.runtime({"state", "box"})).out)["status"] == "created");
  must(bundle, {"start", "box"});
  CHECK(run(bundle.runtime({"exec", "box", "true"})).code == 0);
}

TEST_CASE("a socket gets a descriptor of the process", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.write("exec sleep 1000");
  const std::string path = bundle.scratch() / "pidfd";
  const DescriptorSocket listener(path);
  must(bundle, {"run", "--detach", "--bundle", bundle.path(), "--pidfd-socket", path, "box"});
  const int process = listener.receive().descriptor;
  REQUIRE(process >= 0);
  CHECK(::syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0) == 0);
  ::close(process);
  const Outcome refused = quiet(bundle, {"run", "--detach", "--bundle", bundle.path(), "--pidfd-socket",
                                         bundle.scratch() / "nobody", "other"});
  CHECK(refused.code == 1);
  CHECK(contains(refused.err, "pidfd socket"));
}

TEST_CASE("a word without a value leaves the variables of an executed program alone",
          "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["process"]["env"] = {"FIRST=1", "PATH=/bin"};
  bundle.write("exec sleep 1000");
  must(bundle, {"run", "--detach", "--bundle", bundle.path(), "box"});
  const Outcome outcome =
      run(bundle.runtime({"exec", "--env", "BARE", "box", "sh", "-c", "/bin/busybox env"}));
  INFO(outcome.description);
  CHECK(run(bundle.runtime({"kill", "box", "KILL"})).code == 0);
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "FIRST=1\n"));
}

TEST_CASE("the list and the log have what others look for", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.write("exec sleep 1000");
  const std::string log = bundle.scratch() / "log";
  Invocation created =
      bundle.runtime({"--debug", "--log", log, "run", "--detach", "--bundle", bundle.path(), "box"});
  const Arguments shell = {"sh", "-c", "\"$@\" </dev/null >/dev/null 2>&1", "sh"};
  created.argv.insert(created.argv.begin(), shell.begin(), shell.end());
  REQUIRE(run(created).code == 0);
  CHECK(contains(read_file(log), "level=debug"));
  const std::string list = run(bundle.runtime({"list", "--format", "json"})).out;
  CHECK(run(bundle.runtime({"kill", "box", "0"})).code == 0);
  CHECK(list.starts_with("[{\"ociVersion\":\"1.2.0\",\"id\":\"box\",\"pid\":"));
}

TEST_CASE("without a mount namespace a user's container is refused", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.share("mount");
  const Outcome outcome = bundle.run("true");
  INFO(outcome.description);
  CHECK(outcome.code == 1);
  CHECK(contains(outcome.err, "mount namespace"));
}
