// ecrin run -it, as a user at a terminal sees it.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

Invocation at_terminal(const Ecrin& ecrin, Arguments command) {
  Arguments arguments = {"run", "--rm", "-it", "busybox"};
  arguments.insert(arguments.end(), command.begin(), command.end());
  Invocation invocation = ecrin.invocation(std::move(arguments));
  invocation.set("TERM", "xterm");
  return invocation;
}

}  // namespace

TEST_CASE("a terminal has the size of the user's and follows it") {
  Ecrin ecrin;
  SECTION("at the start") {
    Terminal terminal(at_terminal(ecrin, {"test-init", "terminal"}), 33, 77);
    CHECK(terminal.wait() == 0);
    CHECK(contains(terminal.screen(), "terminal 33 77"));
  }
  SECTION("after a change") {
    Terminal terminal(at_terminal(ecrin, {"sh", "-c", "while :; do test-init terminal; sleep 0.1; done"}), 33,
                      77);
    REQUIRE(terminal.wait_for("terminal 33 77"));
    terminal.resize(50, 120);
    CHECK(terminal.wait_for("terminal 50 120"));
    terminal.send("\x03");
    CHECK(terminal.wait() == 130);
  }
}

TEST_CASE("a shell at a terminal: typing, echo, control keys, exit code") {
  Ecrin ecrin;
  Terminal terminal(at_terminal(ecrin, {"sh"}), 24, 80);
  REQUIRE(terminal.wait_for("# "));
  terminal.send("echo $((6 * 7))-answer; tty; echo $TERM\n");
  CHECK(terminal.wait_for("42-answer"));
  CHECK(terminal.wait_for("/dev/"));
  CHECK(terminal.wait_for("xterm"));
  terminal.send("sleep 1000\n");
  usleep(300'000);
  terminal.send("\x03");
  terminal.send("echo after-$((1 + 1))-interrupt\n");
  CHECK(terminal.wait_for("after-2-interrupt"));
  terminal.send("exit 5\n");
  CHECK(terminal.wait() == 5);
}

TEST_CASE("control-D ends the input at a terminal") {
  Ecrin ecrin;
  Terminal terminal(
      at_terminal(ecrin, {"sh", "-c", "echo ready; cat > /tmp/typed; wc -c < /tmp/typed; echo end-seen"}), 24,
      80);
  REQUIRE(terminal.wait_for("ready"));
  terminal.send("abc\n");
  terminal.send("\x04");
  CHECK(terminal.wait_for("end-seen"));
  CHECK(terminal.wait() == 0);
}

TEST_CASE("the user's terminal is as it was afterwards") {
  Ecrin ecrin;
  Invocation script = at_terminal(ecrin, {"true"});
  std::string command;
  for (const auto& word : script.argv) command += " '" + word + "'";
  script.argv = {"sh", "-c",
                 "stty -a > before;" + command + "; stty -a > after; cmp before after && echo the-same"};
  Terminal terminal(script, 24, 80);
  CHECK(terminal.wait() == 0);
  CHECK(contains(terminal.screen(), "the-same"));
}

TEST_CASE("a build at a terminal shows progress and leaves a readable screen") {
  Ecrin ecrin;
  Invocation build =
      ecrin.build_invocation("from: localhost/busybox\nsteps:\n  - run: echo step-output; sleep 0.3\n");
  build.set("TERM", "xterm");
  Terminal terminal(build, 24, 60);
  CHECK(terminal.wait() == 0);
  CHECK(contains(terminal.screen(), "sha256:"));
  CHECK(contains(terminal.screen(), "\033["));
}

TEST_CASE("without a terminal nothing writes escape sequences") {
  Ecrin ecrin;
  const Outcome build = ecrin.try_build("from: localhost/busybox\nsteps:\n  - run: echo step-output\n");
  CHECK(build.code == 0);
  CHECK_FALSE(contains(build.err + build.out, "\033"));
  CHECK_FALSE(contains(ecrin({"images"}).out, "\033"));
  const Outcome failed =
      ecrin.try_build("from: localhost/busybox\nsteps:\n  - run: printf '\\033[31mred\\033[0m' >&2; false\n");
  CHECK(failed.code == 1);
}
