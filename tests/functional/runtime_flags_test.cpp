// What callers of the runtime hand over: descriptors, keyrings, several containers at once, large states.
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/bundle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;
using nlohmann::json;

namespace {

// With `redirections` of a shell.
Invocation redirected(Invocation invocation, const std::string& redirections) {
  const Arguments shell = {"sh", "-c", "exec \"$@\" " + redirections, "sh"};
  invocation.argv.insert(invocation.argv.begin(), shell.begin(), shell.end());
  return invocation;
}

// A container that waits to be started; it holds no descriptor that a test waits for.
void create(const Bundle& bundle, const std::string& id) {
  bundle.write("exec sleep 1000");
  const Outcome created = run(
      redirected(bundle.runtime({"create", "--bundle", bundle.path(), id}), "</dev/null >/dev/null 2>&1"));
  REQUIRE(created.code == 0);
}

// One that has ended.
void leave(const Bundle& bundle, const std::string& id) {
  bundle.write("true");
  const Outcome ended = run(bundle.runtime({"run", "--keep", "--bundle", bundle.path(), id}));
  INFO(ended.description);
  REQUIRE(ended.code == 0);
}

std::vector<std::string> ids(const Bundle& bundle) {
  return lines_of(run(bundle.runtime({"list", "-q"})).out);
}

}  // namespace

TEST_CASE("only descriptors of the caller are passed on", "[runtime][any-driver]") {
  const Bundle bundle;
  write_file(bundle.scratch() / "input", "content\n");
  bundle.write("for n in 3 4 5 6 7; do test -e /proc/$$/fd/$n && echo $n; done; cat <&4");
  // 3 and 5 are closed: the runtime itself opens something there.
  const Outcome outcome =
      run(redirected(bundle.runtime({"--log", bundle.scratch() / "log", "run", "--preserve-fds", "3",
                                     "--bundle", bundle.path(), "box"}),
                     "3<&- 4<input 5<&-"));
  INFO(outcome.description);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "4\ncontent\n");
}

TEST_CASE("a state of any length reaches the hooks", "[runtime][any-driver]") {
  Bundle bundle;
  const std::string text(300'000, 'x');
  bundle.config["annotations"] = {{"long", text}};
  for (const char* kind : {"createRuntime", "createContainer"})
    bundle.config["hooks"][kind] = {
        {{"path", "/bin/sh"},
         {"args", {"sh", "-c", std::string("cat > ") + bundle.scratch().path() + "/" + kind}}}};
  bundle.must("true");
  for (const char* kind : {"createRuntime", "createContainer"})
    CHECK(json::parse(read_file(bundle.scratch() / kind))["annotations"]["long"] == text);
}

TEST_CASE("a program has a session keyring of its own, or the caller's", "[runtime][any-driver]") {
  const long keyring = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "of-the-caller");
  if (keyring < 0) ECRIN_SKIP("this host has no keyrings");
  // Only for who has it, not for all of the same user.
  REQUIRE(::syscall(SYS_keyctl, KEYCTL_SETPERM, keyring, 0x3f000000) == 0);
  Bundle bundle;
  bundle.config["linux"]["maskedPaths"] = json::array();
  bundle.write("grep -c of-the-caller /proc/keys; true");
  const auto ran = [&](Arguments flags) {
    Arguments words = {"run", "--bundle", bundle.path()};
    words.insert(words.end(), flags.begin(), flags.end());
    words.emplace_back("box");
    return trimmed(run(bundle.runtime(words)).out);
  };
  CHECK(ran({}) == "0");
  CHECK(ran({"--no-new-keyring"}) == "1");
}

TEST_CASE("one container that fails does not stop what is done to others", "[runtime][any-driver]") {
  const Bundle bundle;
  SECTION("delete") {
    create(bundle, "a1");
    leave(bundle, "a2");
    const Outcome outcome = run(bundle.runtime({"delete", "--regex", "^a"}));
    INFO(outcome.description);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "a1"));
    CHECK(ids(bundle) == std::vector<std::string>{"a1"});
  }
  SECTION("kill") {
    leave(bundle, "a1");
    create(bundle, "a2");
    const Outcome outcome = run(bundle.runtime({"kill", "--regex", "^a", "KILL"}));
    INFO(outcome.description);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "a1"));
    const auto ended = [&] {
      return json::parse(run(bundle.runtime({"state", "a2"})).out)["status"] == "stopped";
    };
    for (int attempt = 0; attempt < 200 && !ended(); ++attempt) ::usleep(50'000);
    CHECK(ended());
  }
  SECTION("list") {
    leave(bundle, "a1");
    leave(bundle, "a2");
    const std::string state = bundle.scratch() / "states/a1/state.json";
    const std::string whole = read_file(state);
    write_file(state, "nonsense");
    const Outcome outcome = run(bundle.runtime({"list", "--format", "json"}));
    INFO(outcome.description);
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.err, "a1"));
    const json list = json::parse(outcome.out);
    REQUIRE(list.size() == 1);
    CHECK(list[0]["id"] == "a2");
    write_file(state, whole);
  }
}
