// Debian's podman with `--runtime ecrin-runtime`, as the ordinary user of the other tests.
#include <unistd.h>

#include "tests/conformance/runtime_engine.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

TEST_CASE("podman runs a program through ecrin-runtime") {
  const Podman podman;
  CHECK(podman.must_run({}, {"echo", "hello"}) == "hello");
  CHECK(podman.run({}, {"sh", "-c", "echo wrong >&2; exit 7"}).code == 7);
  CHECK(podman.run({}, {"sh", "-c", "echo wrong >&2; exit 7"}).err == "wrong\n");
  CHECK(podman.run({}, {"sh", "-c", "sh -c 'kill -9 $$'; exit $?"}).code == 137);
  Invocation with_input =
      podman.invocation({"run", "--rm", "-i", "--network", "none", "localhost/busybox", "cat"});
  with_input.input = "through it\n";
  CHECK(run(with_input).out == "through it\n");
  CHECK(podman.must_run({"--user", "1000:100", "--env", "A=b", "--workdir", "/tmp", "--hostname", "box"},
                        {"sh", "-c", "id -u; id -g; echo $A; pwd; hostname"}) == "1000\n100\nb\n/tmp\nbox");
  CHECK(podman.must({"ps", "--all", "--quiet"}).empty());
}

TEST_CASE("podman understands why ecrin-runtime cannot start a program") {
  const Podman podman;
  const Outcome missing = podman.run({}, {"no-such-program"});
  INFO(missing.description);
  CHECK(missing.code == 127);
  CHECK(contains(missing.err, "no-such-program"));
  const Outcome directory = podman.run({}, {"/tmp"});
  INFO(directory.description);
  CHECK(directory.code == 126);
}

TEST_CASE("what podman asks for is what a container of ecrin-runtime has") {
  const Podman podman;
  CHECK(podman.must_run({"--cap-drop", "all"}, {"grep", "CapEff", "/proc/self/status"}) ==
        "CapEff:\t0000000000000000");
  CHECK(podman.must_run({"--cap-drop", "all", "--cap-add", "chown"},
                        {"grep", "CapBnd", "/proc/self/status"}) == "CapBnd:\t0000000000000001");
  CHECK(podman.must_run({"--security-opt", "no-new-privileges"},
                        {"grep", "NoNewPrivs", "/proc/self/status"}) == "NoNewPrivs:\t1");
  CHECK(podman.must_run({}, {"grep", "Seccomp:", "/proc/self/status"}) == "Seccomp:\t2");
  CHECK(podman.must_run({"--security-opt", "seccomp=unconfined"},
                        {"grep", "Seccomp:", "/proc/self/status"}) != "");
  CHECK(podman.must_run({"--ulimit", "nofile=123:456"}, {"sh", "-c", "ulimit -n; ulimit -Hn"}) == "123\n456");
  CHECK(podman.must_run({"--umask", "0077"}, {"sh", "-c", "umask"}) == "0077");
  const Outcome read_only = podman.run({"--read-only"}, {"touch", "/file"});
  CHECK(read_only.code == 1);
  CHECK(contains(read_only.err, "Read-only file system"));
  CHECK(podman.must_run({"--read-only", "--tmpfs", "/data"}, {"sh", "-c", "touch /data/a && ls /data"}) ==
        "a");
  CHECK(podman.run({}, {"sh", "-c", "echo 1 > /proc/sys/kernel/domainname"}).code != 0);
  CHECK(podman.must_run({}, {"sh", "-c", "cat /proc/kcore | wc -c"}) == "0");
  CHECK(podman.must_run({"--sysctl", "net.ipv4.ip_default_ttl=33"},
                        {"cat", "/proc/sys/net/ipv4/ip_default_ttl"}) == "33");
}

TEST_CASE("a container of ecrin-runtime shares what podman says") {
  const Podman podman;
  write_file(podman.scratch() / "data/file", "content");
  CHECK(podman.must_run({"--volume", (podman.scratch() / "data") + ":/data:ro"}, {"cat", "/data/file"}) ==
        "content");
  CHECK(podman.run({"--volume", (podman.scratch() / "data") + ":/data:ro"}, {"touch", "/data/new"}).code ==
        1);
  podman.must_run({"--volume", (podman.scratch() / "data") + ":/data"}, {"touch", "/data/new"});
  CHECK(exists(podman.scratch() / "data/new"));
  podman.must_run({"--volume", "named:/data"}, {"sh", "-c", "echo kept > /data/file"});
  CHECK(podman.must_run({"--volume", "named:/data"}, {"cat", "/data/file"}) == "kept");
  CHECK(podman.must_run({}, {"sh", "-c", "ls /proc | grep -c '^[0-9]'"}).size() == 1);
  const std::string own_pid = std::to_string(::getpid());
  CHECK(podman.must_run({"--pid", "host"}, {"ls", "-d", "/proc/" + own_pid}) == "/proc/" + own_pid);
  CHECK(podman.must({"run", "--rm", "--network", "host", "localhost/busybox", "cat", "/proc/net/dev"}) !=
        podman.must_run({}, {"cat", "/proc/net/dev"}));
  CHECK(podman.must_run({"--uts", "host"}, {"hostname"}) == succeeded(run(host_command({"uname", "-n"}))));
}

TEST_CASE("podman looks after a container of ecrin-runtime that runs on") {
  const Podman podman;
  podman.detached("box", {"sh", "-c", "echo begun; trap 'exit 3' TERM; while :; do sleep 0.1; done"});
  CHECK(podman.state("box", "Status") == "running");
  CHECK(podman.must({"exec", "box", "echo", "inside"}) == "inside");
  CHECK(podman({"exec", "box", "sh", "-c", "exit 9"}).code == 9);
  CHECK(podman({"exec", "box", "no-such-program"}).code == 127);
  CHECK(podman.must({"exec", "--user", "1000:100", "--env", "A=b", "--workdir", "/tmp", "box", "sh", "-c",
                     "id -u; id -g; echo $A; pwd"}) == "1000\n100\nb\n/tmp");
  CHECK(podman.must({"exec", "box", "cat", "/proc/1/comm"}) == "sh");
  CHECK(contains(podman.must({"top", "box", "comm"}), "sh"));
  CHECK(podman.must({"logs", "box"}) == "begun");
  podman.must({"stop", "--time", "30", "box"});
  CHECK(podman.state("box", "ExitCode") == "3");
  podman.must({"start", "box"});
  CHECK(podman.state("box", "Status") == "running");
  podman.must({"restart", "--time", "30", "box"});
  CHECK(podman.must({"logs", "box"}) == "begun\nbegun\nbegun");
  podman.must({"kill", "--signal", "KILL", "box"});
  CHECK(podman.must({"wait", "box"}) == "137");
  podman.must({"rm", "box"});
  CHECK(podman({"inspect", "box"}).code != 0);
}

TEST_CASE("podman creates a container of ecrin-runtime and starts it later") {
  const Podman podman;
  podman.must({"create", "--name", "box", "--network", "none", "localhost/busybox", "echo", "started"});
  podman.must({"init", "box"});
  CHECK(podman.state("box", "Status") == "initialized");
  CHECK(podman.must({"start", "--attach", "box"}) == "started");
  CHECK(podman.state("box", "Status") == "exited");
  podman.must({"rm", "--force", "box"});
}

TEST_CASE("podman gives a container of ecrin-runtime a terminal") {
  const Podman podman;
  Terminal terminal(podman.invocation({"run", "--rm", "-it", "--network", "none", "localhost/busybox", "sh"}),
                    31, 97);
  terminal.send("tty; stty size; echo rea''dy\n");
  REQUIRE(terminal.wait_for("ready"));
  INFO(terminal.screen());
  CHECK(contains(terminal.screen(), "/dev/pts/0"));
  CHECK(contains(terminal.screen(), "31 97"));
  terminal.resize(25, 81);
  terminal.send("until stty size | grep -q '25 81'; do sleep 0.1; done; echo resi''zed; exit 4\n");
  CHECK(terminal.wait_for("resized"));
  CHECK(terminal.wait() == 4);

  podman.detached("box", {"sleep", "1000"});
  Terminal second(podman.invocation({"exec", "-it", "box", "sh"}), 24, 80);
  second.send("tty; echo rea''dy; exit 5\n");
  CHECK(second.wait_for("ready"));
  CHECK(second.wait() == 5);
}

TEST_CASE("podman puts its own init into a container of ecrin-runtime") {
  if (!is_installed("catatonit")) ECRIN_SKIP("catatonit is not installed");
  const Podman podman;
  CHECK(contains(podman.must_run({"--init", "--init-path", "/usr/bin/catatonit"}, {"cat", "/proc/1/cmdline"}),
                 "init"));
  CHECK(podman.run({"--init", "--init-path", "/usr/bin/catatonit"}, {"sh", "-c", "exit 6"}).code == 6);
}

TEST_CASE("podman checks the health of a container of ecrin-runtime") {
  const Podman podman;
  podman.detached("box", {"sleep", "1000"}, {"--health-cmd", "test -e /tmp/well", "--health-retries", "1"});
  CHECK(podman({"healthcheck", "run", "box"}).code == 1);
  podman.must({"exec", "box", "touch", "/tmp/well"});
  CHECK(podman({"healthcheck", "run", "box"}).code == 0);
}

TEST_CASE("podman pauses a container of ecrin-runtime") {
  const Podman podman;
  podman.detached("box", {"sleep", "1000"});
  const Outcome paused = podman({"pause", "box"});
  if (contains(paused.err, "cgroup V1")) ECRIN_SKIP("podman pauses no containers of users on cgroup v1");
  INFO(paused.description);
  REQUIRE(paused.code == 0);
  CHECK(podman.state("box", "Status") == "paused");
  podman.must({"unpause", "box"});
  CHECK(podman.state("box", "Status") == "running");
}
