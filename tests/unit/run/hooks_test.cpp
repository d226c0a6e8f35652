#include "run/hooks.hpp"

#include <stdlib.h>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

oci::Hook shell(const std::string& script, std::optional<int> timeout = std::nullopt) {
  return {.path = "/bin/sh", .args = {"named", "-c", script}, .env = {"WORD=said"}, .timeout = timeout};
}

}  // namespace

TEST_CASE("a hook has the state on its stdin, its environment, and its own name") {
  const test::TempDirectory directory;
  const std::string path = directory.path() + "/log";
  REQUIRE(run_hooks({shell("{ cat; echo; echo $WORD $0; env | grep -c HOME || :; } > " + path)}, "prestart",
                    "{\"id\":\"x\"}"));
  CHECK(posix::read_file(path).value() == "{\"id\":\"x\"}\nsaid named\n0\n");
}

TEST_CASE("the first hook that fails ends the sequence") {
  const test::TempDirectory directory;
  const std::string path = directory.path() + "/log";
  const auto done =
      run_hooks({shell("echo because >&2; exit 3"), shell("echo > " + path)}, "createRuntime", "");
  REQUIRE_FALSE(done);
  CHECK(done.error().message() ==
        "error running createRuntime hook #0: '/bin/sh' failed: exit status 3: because");
  CHECK_FALSE(posix::read_file(path));
  CHECK(run_hooks({{.path = "/does/not/exist"}}, "prestart", "").error().message() ==
        "error running prestart hook #0: '/does/not/exist' failed: cannot execute '/does/not/exist': No such "
        "file or "
        "directory");
}

TEST_CASE("a hook without variables of its own has those that it is given, or this process's") {
  const test::TempDirectory directory;
  const std::string path = directory.path() + "/log";
  oci::Hook hook = shell("echo ${GIVEN-none} > " + path);
  hook.env.clear();
  const std::vector<std::string> given = {"GIVEN=yes"};
  REQUIRE(run_hooks({hook}, "startContainer", "", &given));
  CHECK(posix::read_file(path).value() == "yes\n");
  REQUIRE(::setenv("GIVEN", "ours", 1) == 0);
  const auto done = run_hooks({hook}, "prestart", "");
  ::unsetenv("GIVEN");
  REQUIRE(done);
  CHECK(posix::read_file(path).value() == "ours\n");
}

TEST_CASE("a hook that runs too long is killed, with what it started") {
  const auto done = run_hooks({shell("sleep 1000 & sleep 1000", 1)}, "prestart", "");
  REQUIRE_FALSE(done);
  CHECK(done.error().kind() == ErrorKind::limit);
  CHECK(done.error().message() ==
        "error running prestart hook #0: '/bin/sh' failed: it still ran after 1 seconds");
}

TEST_CASE("a hook may leave a process behind, and need not read its state") {
  CHECK(run_hooks({shell("sleep 0.2 2>&2 &")}, "prestart", std::string(1 << 20, 'x')));
}

TEST_CASE("late hooks are all run") {
  const test::TempDirectory directory;
  const std::string path = directory.path() + "/log";
  run_late_hooks({shell("exit 1"), shell("echo done > " + path)}, "poststop", "");
  CHECK(posix::read_file(path).value() == "done\n");
}
