// ecrin enter: another system with the user's own name, home, directory, terminal and network; and programs
// that 'ecrin install' puts on the PATH.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

namespace {

// With a home of the test's own.
struct Entered {
  Ecrin ecrin;
  std::string home = ecrin.scratch() / "home/ada";

  Entered() { make_directory(home + "/work"); }
  Invocation invocation(Arguments words) const {
    Invocation made = ecrin.invocation(std::move(words));
    made.set("HOME", home);
    made.directory = home + "/work";
    return made;
  }
  Outcome operator()(Arguments words) const { return run(invocation(std::move(words))); }
  std::string in_system(Arguments command, Arguments flags = {}) const {
    Arguments words = {"enter"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.push_back("busybox");
    words.insert(words.end(), command.begin(), command.end());
    const Outcome outcome = (*this)(std::move(words));
    INFO(outcome.description);
    REQUIRE(outcome.code == 0);
    return outcome.out;
  }
};

std::string id(const char* flag) {
  return trimmed(run(host_command({"id", flag})).out);
}

}  // namespace

TEST_CASE("whoever enters a system is who they are outside") {
  const Entered entered;
  CHECK(entered.in_system({"sh", "-c", "id -u; id -g; id -un; echo $HOME; echo ~; pwd"}) ==
        id("-u") + "\n" + id("-g") + "\n" + id("-un") + "\n" + entered.home + "\n" + entered.home + "\n" +
            entered.home + "/work\n");
  CHECK(entered.in_system({"sh", "-c", "echo mine > here; cat /etc/passwd | tail -n 1 | cut -d: -f1"}) ==
        id("-un") + "\n");
  struct stat info {};
  REQUIRE(stat((entered.home + "/work/here").c_str(), &info) == 0);
  CHECK(info.st_uid == getuid());
  CHECK(read_file(entered.home + "/work/here") == "mine\n");
  CHECK(entered.in_system({"sh", "-c", "id -u; touch /made"}, {"--as-root"}) == "0\n");
  CHECK(entered.in_system({"sh", "-c", "ls /made 2>/dev/null || echo gone"}) == "gone\n");
  CHECK(entered.in_system({"sh", "-c", "echo $A-$B"}, {"-e", "A=1"}) == "1-\n");
  CHECK(entered({"enter", "busybox", "sh", "-c", "exit 9"}).code == 9);
  CHECK(entered({"enter", "busybox", "no-such-program"}).code == 127);
  CHECK(entered.ecrin.left_behind().empty());
}

TEST_CASE("a directory is entered and written to") {
  Entered entered;
  const std::string root = entered.ecrin.scratch() / "tree";
  make_directory(root + "/bin");
  run(host_command({"cp", "/bin/busybox", root + "/bin/busybox"}));
  run(host_command({"ln", "-s", "busybox", root + "/bin/sh"}));
  const Outcome outcome =
      entered({"enter", root, "sh", "-c", "busybox id -u; echo x > /written; echo y > ~/own"});
  INFO(outcome.description);
  CHECK(outcome.out == id("-u") + "\n");
  CHECK(read_file(root + "/written") == "x\n");
  CHECK(read_file(entered.home + "/own") == "y\n");
  // What was mounted there leaves no trace.
  CHECK(names_in(root) == std::vector<std::string>{"bin", "written"});
}

TEST_CASE("streams pass through a system that is entered, and a terminal is one there") {
  const Entered entered;
  Invocation piped =
      entered.invocation({"enter", "busybox", "sh", "-c", "tr a-z A-Z; echo err >&2; test -t 1"});
  piped.input = "text\n";
  const Outcome outcome = run(piped);
  CHECK(outcome.out == "TEXT\n");
  CHECK(contains(outcome.err, "err"));
  CHECK(outcome.code == 1);
  Terminal terminal(entered.invocation({"enter", "busybox"}), 24, 80);
  terminal.send("test -t 0 && echo is-$((1 + 1)); exit 3\n");
  CHECK(terminal.wait_for("is-2"));
  CHECK(terminal.wait() == 3);
}

TEST_CASE("an installed program works on the caller's files") {
  const Entered entered;
  const std::string bin = entered.home + "/.local/bin";
  entered.ecrin.context("Containerfile", "FROM localhost/busybox\nENTRYPOINT [\"tr\"]\nCMD [\"a\", \"b\"]\n");
  entered.ecrin.must({"build", "-q", "-t", "tools/upper:1", entered.ecrin.context_directory()});
  const Outcome made = entered({"install", "tools/upper:1"});
  INFO(made.description);
  REQUIRE(made.code == 0);
  CHECK(made.out == bin + "/upper\n");
  CHECK(contains(made.err, "not on the PATH"));
  REQUIRE(entered({"install", "--as", "show", "--entrypoint", "cat", "-q", "tools/upper:1"}).code == 0);
  const auto call = [&](Arguments words, const std::string& input = "") {
    Invocation invocation = host_command(std::move(words));
    invocation.set("HOME", entered.home);
    invocation.directory = entered.home + "/work";
    invocation.input = input;
    return run(invocation);
  };
  CHECK(call({bin + "/upper", "a-z", "A-Z"}, "some text\n").out == "SOME TEXT\n");
  CHECK(call({bin + "/upper"}, "aa\n").out == "bb\n");
  write_file(entered.home + "/work/a file", "content\n");
  CHECK(call({bin + "/show", "a file"}).out == "content\n");
  CHECK(call({bin + "/show", "missing"}).code == 1);
  const auto list = run(entered.invocation({"installed", "--format", "{{.Name}} {{.Image}}"}));
  CHECK(list.out == "show tools/upper:1\nupper tools/upper:1\n");

  // Ours is replaced, anything else stays as it is.
  CHECK(entered({"install", "--as", "show", "--entrypoint", "head", "tools/upper:1"}).code == 0);
  write_file(bin + "/other", "#!/bin/sh\nexit 0\n");
  const Outcome refused = entered({"install", "--as", "other", "tools/upper:1"});
  CHECK(one_error(refused));
  CHECK(read_file(bin + "/other") == "#!/bin/sh\nexit 0\n");
  for (const char* bad : {"../x", "a b", "-x", ""})
    CHECK(entered({"install", "--as=" + std::string(bad), "tools/upper:1"}).code == 125);
  CHECK(entered({"install", "missing-image", "--pull", "never"}).code == 125);
  CHECK(entered({"uninstall", "other"}).code == 1);
  write_file(bin + "/show", "somebody's own\n");
  CHECK(entered({"uninstall", "show", "upper"}).out == bin + "/upper\n");
  CHECK(names_in(bin) == std::vector<std::string>{"other", "show"});
  CHECK(entered({"installed", "--format", "json"}).out == "[]\n");
}

TEST_CASE("signals reach an installed program") {
  const Entered entered;
  REQUIRE(entered({"install", "--as", "wait", "--entrypoint", "sh", "busybox"}).code == 0);
  Invocation invocation =
      host_command({entered.home + "/.local/bin/wait", "-c",
                    "trap 'echo got; exit 7' TERM; echo ready; while :; do sleep 0.1; done"});
  invocation.set("HOME", entered.home);
  Running program(invocation);
  REQUIRE(program.wait_for_output("ready"));
  program.signal(SIGTERM);
  const Outcome outcome = program.wait();
  CHECK(outcome.code == 7);
  CHECK(contains(outcome.out, "got"));
}
