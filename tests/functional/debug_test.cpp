// Failed steps that are opened again, builds that stop at a step, and images as they were after one.

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

constexpr const char* k_failing = R"(
from: localhost/busybox
env: {A: early}
steps:
  - run: echo one > /one
  - workdir: /work
  - run:
      command: echo two > /two; rm /one; cat /context/file; exit 3
      env: {B: of-the-step}
      mounts: [{secret: token, required: false}, {bind: /context, source: .}, {cache: /var/kept}]
)";

constexpr const char* k_stages = R"(
name: staged
stages:
  build:
    from: localhost/busybox
    steps:
      - run: echo b1 > /b1
      - run: echo b2 > /b2
  main:
    from: localhost/busybox
    steps:
      - env: {X: early}
      - run: echo m1 > /m1
      - copy: {from: build, src: /b2, dest: /}
      - workdir: /opt/w
      - run: echo m2 > /m2
      - env: {X: late}
)";

}  // namespace

TEST_CASE("a failed step is opened as it was left, again and again") {
  Ecrin ecrin;
  ecrin.context("file", "of the context\n");
  write_file(ecrin.scratch() / "token", "t0ken");
  const Outcome failed = ecrin.try_build(k_failing);
  INFO(failed.description);
  REQUIRE(failed.code == 3);
  CHECK(contains(failed.err, "ecrin debug"));
  for (int i = 0; i < 2; ++i) {
    const Outcome inside = ecrin({"debug", "--", "sh", "-c",
                                  "cat /two /context/file; pwd; echo $A $B; test -d /var/kept; "
                                  "test ! -e /one && echo gone; test ! -e /mine && touch /mine"});
    INFO(inside.description);
    CHECK(inside.code == 0);
    CHECK(inside.out == "two\nof the context\n/work\nearly of-the-step\ngone\n");
    CHECK(contains(inside.err, "--secret id=token"));
  }
  const Outcome with_secret = ecrin({"debug", "--secret", "id=token,src=" + (ecrin.scratch() / "token"), "--",
                                     "sh", "-c", "cat /run/secrets/token; exit 7"});
  CHECK(with_secret.code == 7);
  CHECK(with_secret.out == "t0ken");
  CHECK_FALSE(contains(with_secret.err, "token"));
}

TEST_CASE("a step is opened with what its build said of run steps, and with more") {
  Ecrin ecrin;
  const std::string host = ecrin.scratch() / "host", other = ecrin.scratch() / "other";
  make_directory(host);
  make_directory(other);
  write_file(host + "/of-the-host", "host\n");
  write_file(other + "/more", "more\n");
  REQUIRE(ecrin
              .try_build("from: localhost/busybox\nsteps: [{run: exit 3}]\n",
                         {"--add-host", "db:192.0.2.7", "--add-host", "cache:192.0.2.8", "--ulimit",
                          "nofile=77:88", "-v", host + ":/h:ro", "--cap-drop", "all"})
              .code == 3);
  const std::string look =
      "grep -E 'db|cache|more' /etc/hosts | tr '\\t' ' '; ulimit -n; cat /h/*; grep CapBnd /proc/self/status "
      "| tr "
      "'\\t' ' '";
  const Outcome inside = ecrin({"debug", "--", "sh", "-c", look});
  INFO(inside.description);
  CHECK(inside.out == "192.0.2.7 db\n192.0.2.8 cache\n77\nhost\nCapBnd: 0000000000000000\n");
  const Outcome more = ecrin({"debug", "--add-host", "db:192.0.2.9", "--add-host", "more:192.0.2.10",
                              "--ulimit", "nofile=66", "-v", other + ":/h", "--", "sh", "-c", look});
  INFO(more.description);
  CHECK(more.out == "192.0.2.8 cache\n192.0.2.9 db\n192.0.2.10 more\n66\nmore\nCapBnd: 0000000000000000\n");
  // What is not there any more is told.
  REQUIRE(::unlink((host + "/of-the-host").c_str()) == 0);
  REQUIRE(::rmdir(host.c_str()) == 0);
  const Outcome gone = ecrin({"debug", "--", "ls", "/h"});
  INFO(gone.description);
  CHECK(gone.code != 0);
  CHECK(contains(gone.err, "'/h' is left out"));
}

TEST_CASE("an ssh-agent is given to a failed step again") {
  Ecrin ecrin;
  const std::string key = ecrin.scratch() / "key";
  run(host_command({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}));
  if (!exists(key)) return (void)note_skip("no ssh-keygen");
  REQUIRE(
      ecrin
          .try_build("from: localhost/busybox\nsteps: [{run: {command: exit 3, mounts: [{ssh: default}]}}]\n",
                     {"--ssh", "default=" + key})
          .code == 3);
  const Outcome without = ecrin({"debug", "--", "sh", "-c", "echo \"[$SSH_AUTH_SOCK]\""});
  INFO(without.description);
  CHECK(without.out == "[]\n");
  CHECK(contains(without.err, "--ssh default"));
  CHECK(ecrin({"debug", "--ssh", "default=" + key, "--", "test-init", "agent"}).out == "1 keys\n");
}

TEST_CASE("without a terminal a shell in a failed step reads standard input") {
  Ecrin ecrin;
  REQUIRE(ecrin.try_build("from: localhost/busybox\nsteps: [{run: echo x > /x; false}]\n").code == 1);
  Invocation shell = ecrin.invocation({"debug"});
  shell.input = "cat /x\nexit 5\n";
  const Outcome outcome = run(shell);
  CHECK(outcome.code == 5);
  CHECK(outcome.out == "x\n");
}

TEST_CASE("at a terminal a failing step opens a shell when it was asked for") {
  Ecrin ecrin;
  Invocation build = ecrin.build_invocation(
      "from: localhost/busybox\nsteps: [{run: echo left > /x; exit 4}]\n", {"--on-failure=shell"});
  build.set("TERM", "xterm");
  Terminal terminal(build, 24, 80);
  REQUIRE(terminal.wait_for("# "));
  terminal.send("echo $(cat /x)-$((6 * 7))\n");
  CHECK(terminal.wait_for("left-42"));
  terminal.send("exit 9\n");
  CHECK(terminal.wait() == 4);
  Invocation again = ecrin.invocation({"debug"});
  again.set("TERM", "xterm");
  Terminal second(again, 24, 80);
  REQUIRE(second.wait_for("# "));
  second.send("cat /x; exit 6\n");
  CHECK(second.wait() == 6);
}

TEST_CASE("a command on failure gets the build's secrets, and the exit code is the step's") {
  Ecrin ecrin;
  ecrin.context("file", "");
  write_file(ecrin.scratch() / "token", "t0ken");
  const Outcome outcome =
      ecrin.try_build(k_failing, {"--secret", "id=token,src=" + (ecrin.scratch() / "token"),
                                  "--on-failure=cat /run/secrets/token /two; exit 9"});
  INFO(outcome.description);
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.out, "t0kentwo"));
}

TEST_CASE("a build that reports in JSON says nothing else when a step fails") {
  Ecrin ecrin;
  for (const char* wanted : {"--on-failure=keep", "--on-failure=shell"}) {
    const Outcome outcome =
        ecrin.try_build("from: localhost/busybox\nsteps: [{run: exit 4}]\n", {"--progress=json", wanted});
    INFO(outcome.description);
    CHECK(outcome.code == 4);
    nlohmann::json last;
    for (const std::string& line : lines_of(outcome.err)) {
      last = nlohmann::json::parse(line, nullptr, false);
      CHECK(last.is_object());
    }
    CHECK(last["event"] == "error");
    CHECK(contains(last["hint"].get<std::string>(), "ecrin debug "));
  }
}

TEST_CASE("failed steps are listed, bounded, removed and pruned") {
  Ecrin ecrin;
  ecrin.context("recipe.yaml", "from: localhost/busybox\nsteps: [{run: echo x > /x; false}]\n");
  for (int i = 0; i < 5; ++i) REQUIRE(ecrin({"build", ecrin.context_directory()}).code == 1);
  auto list = ecrin.json({"debug", "--list", "--format", "json"});
  REQUIRE(list.size() == 3);
  CHECK(list[0]["ExitCode"] == 1);
  CHECK(list[0]["Step"] == 2);
  const std::string second = list[1]["Id"];
  for (const Arguments& words : std::vector<Arguments>{
           {"--list", "--rm", second}, {"--list", second}, {"--rm", "--all", second}, {"--all"}, {"--rm"}}) {
    Arguments all = {"debug"};
    all.insert(all.end(), words.begin(), words.end());
    CHECK(one_error(ecrin(all)));
  }
  CHECK(ecrin.json({"debug", "--list", "--format", "json"}).size() == 3);
  ecrin.must({"debug", "--rm", second});
  CHECK(ecrin.json({"debug", "--list", "--format", "json"}).size() == 2);
  // Prune leaves a step that is open.
  Running open(ecrin.invocation({"debug", "--", "sh", "-c", "echo open; cat; cat /x"}));
  REQUIRE(open.wait_for_output("open"));
  ecrin.must({"prune", "-f"});
  CHECK(ecrin.json({"debug", "--list", "--format", "json"}).size() == 1);
  CHECK(ecrin({"debug", "--rm", "--all"}).code == 125);
  open.end_input();
  CHECK(open.wait().out == "open\nx\n");
  ecrin.must({"prune", "-f"});
  CHECK(ecrin.json({"debug", "--list", "--format", "json"}).empty());
  CHECK(one_error(ecrin({"debug"})));
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("a failed step knows a context that was unpacked, and one that has an ignore file") {
  Ecrin ecrin;
  ecrin.context("file", "packed\n");
  ecrin.context("Containerfile", "FROM localhost/busybox\nRUN --mount=type=bind,target=/context exit 3\n");
  const std::string archive = ecrin.scratch() / "context.tar";
  REQUIRE(run(host_command({"tar", "-C", ecrin.context_directory(), "-cf", archive, "."})).code == 0);
  for (int i = 0; i < 4; ++i) {
    const Outcome failed = ecrin({"build", "--on-failure=cat /context/file", archive});
    INFO(failed.description);
    CHECK(failed.code == 3);
    CHECK(contains(failed.out, "packed"));
  }
  const auto list = ecrin.json({"debug", "--list", "--format", "json"});
  REQUIRE(list.size() == 3);
  CHECK(list[0]["Context"] == archive);
  const Outcome later = ecrin({"debug", "--", "true"});
  CHECK(contains(later.err, "mounts of the build's context '" + archive + "' are left out"));

  write_file(ecrin.scratch() / "ignored", "file\n");
  REQUIRE(ecrin({"build", "--ignorefile", ecrin.scratch() / "ignored", ecrin.context_directory()}).code == 3);
  CHECK(ecrin({"debug", "--", "ls", "/context"}).out == "Containerfile\n");
}

TEST_CASE("a step of a script is called by its own number") {
  Ecrin ecrin;
  const std::string name = lines_of(ecrin.must({"from", "localhost/busybox"})).front();
  REQUIRE(ecrin({"run", "--into", name, "exit 3"}).code == 3);
  CHECK(ecrin.json({"debug", "--list", "--format", "json"})[0]["Step"] == 1);
}

TEST_CASE("a build that was stopped keeps no step") {
  Ecrin ecrin;
  Invocation invocation = ecrin.build_invocation(
      "from: localhost/busybox\nsteps: [{run: echo started; sleep 100}]\n", {"--progress=plain"});
  invocation.argv.insert(invocation.argv.begin(), {"sh", "-c", "exec \"$0\" \"$@\" 2>&1"});
  Running build(invocation);
  REQUIRE(build.wait_for_output("| started"));
  build.signal(SIGINT);
  CHECK(build.wait().code == 130);
  CHECK(ecrin.json({"debug", "--list", "--format", "json"}).empty());
}

TEST_CASE("a build stops at a step", "[any-driver]") {
  Ecrin ecrin;
  const auto names = [&](const std::string& until) {
    const std::string id = ecrin.build(k_stages, {"--until", until});
    return ecrin.in_container(id, {"sh", "-c", "ls -d /b1 /b2 /m1 /m2 2> /dev/null | tr '\\n' ' '"});
  };
  CHECK(names("build") == "/b1 /b2 ");
  CHECK(names("build:2") == "/b1 ");
  CHECK(names(":7") == "/b1 ");
  CHECK(names("main:3") == "/m1 ");
  CHECK(names("main:4") == "/b2 /m1 ");
  CHECK(names("10") == "/b2 /m1 /m2 ");
  CHECK(names("main") == "/b2 /m1 /m2 ");
  CHECK(ecrin({"exists", "staged"}).code == 1);
  for (const char* wrong : {"11", "0", "build:4", ":1", "nothing", "x:1"})
    CHECK(one_error(ecrin.try_build(k_stages, {"--until", wrong})));
}

TEST_CASE("an image is entered and compared as it was after a step", "[any-driver]") {
  Ecrin ecrin;
  ecrin.build(k_stages);
  const Outcome third = ecrin({"shell", "staged@3", "sh", "-c", "echo $X; pwd; ls -d /m1 /b2"});
  CHECK(third.out == "early\n/\n/m1\n");
  CHECK(ecrin.must({"run", "staged@6", "sh", "-c", "echo $X; pwd; cat /m2"}) == "early\n/opt/w\nm2");
  CHECK(ecrin.must({"shell", "staged", "--", "sh", "-c", "echo $X"}) == "late");
  CHECK(ecrin.must({"diff", "staged@3", "staged@5"}) == "A /b2\nA /opt\nA /opt/w");
  CHECK(ecrin.must({"diff", "--config", "staged@2", "staged"}) ==
        "C env X: early -> late\nA workdir: /opt/w");
  Invocation shell = ecrin.invocation({"shell", "staged@4"});
  shell.input = "cat /b2\nexit 3\n";
  const Outcome read = run(shell);
  CHECK(read.code == 3);
  CHECK(read.out == "b2\n");
  for (const char* wrong : {"staged@0", "staged@99", "staged@x", "nothing@1"})
    CHECK(one_error(ecrin({"shell", wrong, "true"})));
  const std::string digest = ecrin.inspect("staged")["Digest"];
  CHECK(ecrin({"run", "staged@" + digest, "true"}).code == 0);
}
