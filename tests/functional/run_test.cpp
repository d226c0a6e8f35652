// ecrin run: commands, exit codes, signals, users, mounts, networks.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

TEST_CASE("exit codes are the program's, or 125, 126, 127 and 128 plus the signal") {
  Ecrin ecrin;
  CHECK(run_in(ecrin, {}, {"sh", "-c", "exit 42"}).code == 42);
  CHECK(run_in(ecrin, {}, {"true"}).code == 0);
  CHECK(run_in(ecrin, {}, {"sh", "-c", "kill -9 $$"}).code == 137);
  CHECK(run_in(ecrin, {}, {"sh", "-c", "kill -SEGV $$"}).code == 139);
  const Outcome missing = run_in(ecrin, {}, {"not-a-program"});
  CHECK(missing.code == 127);
  CHECK(one_error(missing));
  CHECK(contains(missing.err, "not-a-program"));
  CHECK(run_in(ecrin, {}, {"/not/a/program"}).code == 127);
  const Outcome forbidden = run_in(ecrin, {}, {"/etc/passwd"});
  CHECK(forbidden.code == 126);
  CHECK(one_error(forbidden));
  CHECK(run_in(ecrin, {}, {"/etc"}).code == 126);
  CHECK(run_in(ecrin, {"--no-such-flag"}, {"true"}).code == 125);
  CHECK(run_in(ecrin, {}, {"true"}, "no-such-image").code == 125);
  CHECK(run_in(ecrin, {"-u", "nobody-of-this-name"}, {"true"}).code == 125);
  // What is missing or denied before the program is not the program.
  CHECK(run_in(ecrin, {"-v", "/no/such/directory:/x:ro"}, {"true"}).code == 125);
  CHECK(run_in(ecrin, {"-w", "/etc/passwd"}, {"true"}).code == 125);
  // A script names the program that is missing.
  const std::string script = ecrin.scratch() / "script";
  write_file(script, "#!/no/such/interpreter\n", 0755);
  const Outcome no_interpreter = run_in(ecrin, {"-v", script + ":/script"}, {"/script"});
  CHECK(no_interpreter.code == 127);
  CHECK(contains(no_interpreter.err, "interpreter"));
}

TEST_CASE("signals reach the program") {
  Ecrin ecrin;
  SECTION("one that handles SIGTERM ends as it wants") {
    Running running(
        ecrin.invocation({"run", "--rm", "busybox", "sh", "-c",
                          "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.05; done"}));
    REQUIRE(running.wait_for_output("ready"));
    running.signal(SIGTERM);
    const Outcome outcome = running.wait();
    CHECK(outcome.code == 7);
    CHECK(contains(outcome.out, "got it"));
  }
  SECTION("one that does not is stopped by it") {
    Running running(ecrin.invocation({"run", "--rm", "busybox", "sh", "-c", "echo ready; exec sleep 1000"}));
    REQUIRE(running.wait_for_output("ready"));
    running.signal(SIGTERM);
    CHECK(running.wait().code == 143);
  }
  SECTION("SIGINT, SIGHUP and SIGUSR1 too") {
    for (const auto& [number, name] :
         {std::pair(SIGINT, "INT"), std::pair(SIGHUP, "HUP"), std::pair(SIGUSR1, "USR1")}) {
      Running running(ecrin.invocation(
          {"run", "--rm", "busybox", "sh", "-c",
           std::string("trap 'exit 9' ") + name + "; echo ready; while :; do sleep 0.05; done"}));
      REQUIRE(running.wait_for_output("ready"));
      running.signal(number);
      INFO(name);
      CHECK(running.wait().code == 9);
    }
  }
}

TEST_CASE("a container dies with its ecrin") {
  Ecrin ecrin;
  // Seen from the host by a lock that the container holds through a bind mount.
  write_file(ecrin.scratch() / "shared/lock", "", 0666);
  {
    Running running(ecrin.invocation({"run", "--rm", "-v", ecrin.scratch() / "shared" + ":/shared", "busybox",
                                      "test-init", "lock", "/shared/lock"}));
    REQUIRE(running.wait_for_output("ready"));
    CHECK(run(host_command({"flock", "-n", ecrin.scratch() / "shared/lock", "true"})).code == 1);
    running.signal(SIGKILL);
    running.wait();
  }
  CHECK(run(host_command({"flock", "-w", "10", ecrin.scratch() / "shared/lock", "true"})).code == 0);
}

TEST_CASE("standard input is the program's with -i and empty without") {
  Ecrin ecrin;
  Invocation with = ecrin.invocation({"run", "--rm", "-i", "busybox", "sha256sum"});
  with.input = std::string(3'000'000, 'x');
  Invocation here = host_command({"sha256sum"});
  here.input = with.input;
  CHECK(run(with).out == run(here).out);
  Invocation without = ecrin.invocation({"run", "--rm", "busybox", "wc", "-c"});
  without.input = "not to be read";
  CHECK(trimmed(run(without).out) == "0");
}

TEST_CASE("standard output and standard error stay apart and whole") {
  Ecrin ecrin;
  const Outcome outcome = run_in(ecrin, {}, {"sh", "-c", "echo out; echo err >&2; seq 100000"});
  CHECK(outcome.code == 0);
  CHECK(outcome.err == "err\n");
  CHECK(outcome.out.starts_with("out\n"));
  CHECK(outcome.out.ends_with("\n100000\n"));
}

TEST_CASE("environment, working directory, hostname and name") {
  Ecrin ecrin;
  ecrin.environment["PASSED_ON"] = "from the host";
  CHECK(out_of(ecrin, {"-e", "A=b c", "-e", "PASSED_ON"}, {"sh", "-c", "echo $A,$PASSED_ON"}) ==
        "b c,from the host\n");
  CHECK_FALSE(contains(out_of(ecrin, {}, {"env"}), "PASSED_ON"));
  CHECK(out_of(ecrin, {"-w", "/etc"}, {"pwd"}) == "/etc\n");
  CHECK(out_of(ecrin, {"--hostname", "some-host"}, {"hostname"}) == "some-host\n");
  CHECK(out_of(ecrin, {"--hostname", "some-host"}, {"cat", "/proc/sys/kernel/hostname"}) == "some-host\n");
  CHECK(out_of(ecrin, {"--name", "some-name"}, {"echo", "hi"}) == "hi\n");
}

TEST_CASE("users by name and by number") {
  Ecrin ecrin;
  CHECK(out_of(ecrin, {}, {"id", "-u"}) == "0\n");
  CHECK(out_of(ecrin, {"-u", "someone"}, {"sh", "-c", "id -u; id -g; id -G; echo $HOME"}) ==
        "1000\n1000\n1000 2000\n/home/someone\n");
  CHECK(out_of(ecrin, {"-u", "4242:4243"}, {"sh", "-c", "id -u; id -g"}) == "4242\n4243\n");
  CHECK(out_of(ecrin, {"-u", "someone:extra"}, {"sh", "-c", "id -u; id -g"}) == "1000\n2000\n");
  CHECK(run_in(ecrin, {"-u", "someone"}, {"cat", "/root/x"}).code != 0);
  CHECK(run_in(ecrin, {"-u", "someone"}, {"sh", "-c", "echo x > /etc/x"}).code != 0);
}

TEST_CASE("the entrypoint and the command of an image can be replaced") {
  Ecrin ecrin;
  ecrin.build("from: localhost/busybox\nconfig: {entrypoint: [/bin/echo, entry], cmd: [command]}\n",
              {"-t", "entry"});
  CHECK(out_of(ecrin, {}, {}, "entry") == "entry command\n");
  CHECK(out_of(ecrin, {}, {"other", "words"}, "entry") == "entry other words\n");
  CHECK(out_of(ecrin, {"--entrypoint", "/bin/uname"}, {}, "entry") == "Linux\n");
  CHECK(out_of(ecrin, {"--entrypoint", "/bin/uname"}, {"-s"}, "entry") == "Linux\n");
  CHECK(out_of(ecrin, {"--entrypoint", ""}, {"echo", "plain"}, "entry") == "plain\n");
  ecrin.build("from: localhost/busybox\nconfig: {entrypoint: [], cmd: []}\n", {"-t", "nothing"});
  const Outcome nothing = run_in(ecrin, {}, {}, "nothing");
  CHECK(nothing.code == 125);
  CHECK(one_error(nothing));
}

TEST_CASE("what a container writes is gone at its end") {
  Ecrin ecrin;
  run_in(ecrin, {}, {"true"});
  const auto before = everything_in(ecrin.root());
  CHECK(out_of(ecrin, {}, {"sh", "-c", "echo x > /x && rm -r /home && cat /x"}) == "x\n");
  CHECK(run_in(ecrin, {}, {"test", "-e", "/x"}).code == 1);
  CHECK(run_in(ecrin, {}, {"test", "-d", "/home/someone"}).code == 0);
  std::vector<std::string> left;
  const auto after = everything_in(ecrin.root());
  std::set_symmetric_difference(after.begin(), after.end(), before.begin(), before.end(),
                                std::back_inserter(left));
  CHECK(left == std::vector<std::string>());
}

TEST_CASE("volumes and mounts") {
  Ecrin ecrin;
  const std::string host = ecrin.scratch() / "host";
  write_file(host + "/file", "host\n");
  const std::string plain = host + ":/in", read_only = plain + ":ro";
  CHECK(out_of(ecrin, {"-v", plain}, {"sh", "-c", "cat /in/file; echo new > /in/new"}) == "host\n");
  CHECK(read_file(host + "/new") == "new\n");
  CHECK(run_in(ecrin, {"-v", read_only}, {"sh", "-c", "echo bad > /in/file"}).code != 0);
  CHECK(read_file(host + "/file") == "host\n");
  CHECK(out_of(ecrin, {"-v", host + "/file:/etc/one-file:ro"}, {"cat", "/etc/one-file"}) == "host\n");
  CHECK(out_of(ecrin, {"--mount", "type=bind,src=" + host + ",dst=/in,ro"}, {"cat", "/in/file"}) == "host\n");
  CHECK(run_in(ecrin, {"--mount", "type=bind,src=" + host + ",dst=/in,ro"}, {"touch", "/in/x"}).code != 0);
  CHECK(out_of(ecrin, {"--mount", "type=tmpfs,dst=/t"}, {"sh", "-c", "grep -c ' /t tmpfs ' /proc/mounts"}) ==
        "1\n");
  CHECK(out_of(ecrin, {"--tmpfs", "/t:size=1m"},
               {"sh", "-c", "dd if=/dev/zero of=/t/x bs=1k count=2000 2>/dev/null; stat -c %s /t/x"}) ==
        "1048576\n");
  const Outcome missing = run_in(ecrin, {"-v", ecrin.scratch() / "not-there" + ":/in"}, {"true"});
  CHECK(missing.code == 125);
  CHECK(contains(missing.err, "not-there"));
  CHECK_FALSE(exists(ecrin.scratch() / "not-there"));
  // The container's root is the user outside: what it makes there belongs to the user.
  struct stat info {};
  REQUIRE(stat((host + "/new").c_str(), &info) == 0);
  CHECK(info.st_uid == getuid());
}

TEST_CASE("a read-only root refuses writes and keeps /dev, /tmp of --tmpfs and volumes usable") {
  Ecrin ecrin;
  CHECK(run_in(ecrin, {"--read-only"}, {"touch", "/x"}).code != 0);
  CHECK(run_in(ecrin, {"--read-only"}, {"sh", "-c", "echo x > /etc/passwd"}).code != 0);
  CHECK(out_of(ecrin, {"--read-only", "--tmpfs", "/tmp"},
               {"sh", "-c", "echo x > /tmp/x && echo x > /dev/null && echo x > /dev/shm/x && cat /tmp/x"}) ==
        "x\n");
}

TEST_CASE("a directory runs with --rootfs") {
  Ecrin ecrin(Ecrin::Base::none);
  const std::string root = ecrin.scratch() / "tree";
  make_directory(root + "/bin");
  run(host_command({"cp", "/bin/busybox", root + "/bin/busybox"}));
  const Outcome outcome =
      ecrin({"run", "--rm", "--rootfs", root, "/bin/busybox", "sh", "-c", "echo hi; echo x > /written"});
  INFO(outcome.description);
  CHECK(outcome.out == "hi\n");
  CHECK(exists(root + "/bin/busybox"));
}

TEST_CASE("network none, host and private") {
  Ecrin ecrin;
  char host[64] = {};
  REQUIRE(readlink("/proc/self/ns/net", host, sizeof host - 1) > 0);
  const Arguments own = {"readlink", "/proc/self/ns/net"};
  CHECK(trimmed(out_of(ecrin, {"--network", "host"}, own)) == host);
  CHECK(trimmed(out_of(ecrin, {"--network", "none"}, own)) != host);
  CHECK(out_of(ecrin, {"--network", "none"}, {"sh", "-c", "tail -n +3 /proc/net/dev | wc -l"}) == "1\n");
  CHECK(out_of(ecrin, {"--network", "none"}, {"sh", "-c", "ip addr show lo | grep -c 127.0.0.1"}) == "1\n");
}

TEST_CASE("a private network has a way out") {
  Ecrin ecrin;
  if (access("/dev/net/tun", R_OK | W_OK) != 0) ECRIN_SKIP("/dev/net/tun is missing or closed on this host");
  const std::string routes = out_of(ecrin, {"--network", "private"}, {"cat", "/proc/net/route"});
  INFO(routes);
  CHECK(contains(routes, "\t00000000\t"));
  CHECK(out_of(ecrin, {"--network", "private"}, {"cat", "/etc/resolv.conf"}).find("nameserver") !=
        std::string::npos);
}

TEST_CASE("orphans are reaped") {
  Ecrin ecrin;
  const std::string states = out_of(
      ecrin, {},
      {"sh", "-c",
       "test-init orphan 0 >/dev/null; test-init orphan 0 >/dev/null; sleep 0.5; cat /proc/[0-9]*/stat"});
  INFO(states);
  CHECK_FALSE(contains(states, ") Z "));
}

TEST_CASE("a running image cannot be taken away") {
  Ecrin ecrin;
  Running running(ecrin.invocation(
      {"run", "--rm", "-i", "busybox", "sh", "-c", "echo ready; read line; cat /etc/group"}));
  REQUIRE(running.wait_for_output("ready"));
  CHECK(ecrin({"rmi", "busybox"}).code == 2);
  CHECK(ecrin({"prune", "-f", "-a"}).code == 0);
  running.send("go\n");
  const Outcome outcome = running.wait();
  INFO(outcome.description);
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "someone"));
}

TEST_CASE("a shell that the image does not have is told as that", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build("from: scratch\nsteps:\n  - write: {dest: /x, content: x}\n", {"-t", "bare"});
  const std::string hint = "there is no shell in this image";
  for (const std::string shell : {"sh", "/bin/sh", "bash"}) {
    const Outcome outcome = ecrin({"run", "bare", shell, "-c", "true"});
    INFO(outcome.description);
    CHECK(outcome.code == 127);
    CHECK(contains(outcome.err, hint));
  }
  CHECK_FALSE(contains(ecrin({"run", "bare", "ls"}).err, hint));
  CHECK(contains(ecrin({"run", "busybox", "bash"}).err, "there is /bin/sh in this image"));
  const Outcome build = ecrin.try_build("from: localhost/bare\nsteps:\n  - run: echo hi\n");
  CHECK_FALSE(build);
  CHECK(contains(build.err, hint));
}
