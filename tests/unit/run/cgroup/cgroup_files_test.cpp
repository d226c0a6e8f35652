#include "run/cgroup/cgroup_files.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.hpp"
#include "base/posix.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/cgroup/cgroup_freezer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

void write(const test::TempDirectory& directory, const std::string& name, std::string_view text) {
  const Fd file = *posix::open(directory.path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  REQUIRE(posix::write_full(file, text));
}
std::string text(const test::TempDirectory& directory, const std::string& name) {
  return posix::read_file(directory.path(name)).value_or("(none)");
}

// A process that waits to be killed.
pid_t waiting_process() {
  const pid_t pid = ::fork();
  if (pid == 0)
    for (;;) ::pause();
  return pid;
}
int end_of(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

CgroupState version1(std::vector<CgroupDirectory> directories) {
  return {.version = 1, .directories = std::move(directories), .unit = {}, .bus = {}};
}

}  // namespace

TEST_CASE("settings are written when all of them can be had") {
  const test::TempDirectory cgroup;
  write(cgroup, "memory.max", "max");
  write(cgroup, "io.weight", "100");
  const auto here = [&](const std::string&) { return cgroup.path(); };
  const std::vector<CgroupSetting> good = {
      {"memory.limit", "memory", "memory.max", "512"},
      {"memory.swap", "memory", "memory.swap.max", "0", true},
      {"blockIO.weight", "io", "io.bfq.weight", "10", false, "io.weight", "1  "}};
  REQUIRE(write_cgroup_settings(good, here));
  CHECK(text(cgroup, "memory.max") == "512");
  CHECK(text(cgroup, "io.weight") == "1  ");
  CHECK(text(cgroup, "memory.swap.max") == "(none)");

  const std::vector<CgroupSetting> bad = {{"memory.limit", "memory", "memory.max", "999"},
                                          {"pids.limit", "pids", "pids.max", "5"}};
  const auto refused = write_cgroup_settings(bad, here);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() ==
        "linux.resources.pids.limit cannot be had: the kernel of this host has no pids.max");
  CHECK(text(cgroup, "memory.max") == "512");
  const auto nowhere = write_cgroup_settings(bad, [](const std::string&) { return std::string(); });
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().message().find("no cgroup with the controller memory") != std::string::npos);
}

TEST_CASE("numbers that are none are left out") {
  const test::TempDirectory cgroup;
  write(cgroup, "one", "17\n");
  write(cgroup, "max", "max\n");
  write(cgroup, "pairs", "a 1\nb x\n\nc\nd 2\n");
  CHECK(read_cgroup_number(cgroup.path("one")) == 17);
  CHECK_FALSE(read_cgroup_number(cgroup.path("max")));
  CHECK_FALSE(read_cgroup_number(cgroup.path("none")));
  CHECK(read_cgroup_numbers(cgroup.path("pairs")) ==
        std::map<std::string, std::uint64_t>{{"a", 1}, {"d", 2}});
}

TEST_CASE("a cgroup goes with all that is below it") {
  const test::TempDirectory above;
  std::string deep = "box";
  for (int level = 0; level < 60; ++level) deep += "/x";
  REQUIRE(posix::make_directories(above.path(deep), 0755));
  REQUIRE(posix::make_directories(above.path("box/y/z"), 0755));
  REQUIRE(remove_cgroup(above.path("box")));
  CHECK_FALSE(has_cgroup_file(above.path("box")));
  CHECK(remove_cgroup(above.path("box")));
  CHECK(remove_cgroup(above.path("not/there")));
}

TEST_CASE("the freezer of either version") {
  const test::TempDirectory cgroup;
  const Freezer version1{.kind = Freezer::Kind::version1, .directory = cgroup.path()};
  const Freezer version2{.kind = Freezer::Kind::version2, .directory = cgroup.path()};
  CHECK(freeze(version1).error().kind() == ErrorKind::unsupported);
  CHECK(freeze(version2).error().kind() == ErrorKind::unsupported);
  CHECK(freeze({}).error().kind() == ErrorKind::unsupported);
  write(cgroup, "freezer.state", "THAWED");
  CHECK(*is_frozen(version1) == false);
  REQUIRE(freeze(version1));
  CHECK(*is_frozen(version1) == true);
  REQUIRE(thaw(version1));
  CHECK(*is_frozen(version1) == false);
  write(cgroup, "cgroup.freeze", "0");
  write(cgroup, "cgroup.events", "populated 1\nfrozen 1\n");
  REQUIRE(freeze(version2));
  CHECK(*is_frozen(version2) == true);
  REQUIRE(thaw(version2));
  CHECK(*is_frozen(version2) == false);
  write(cgroup, "cgroup.events", "");
  CHECK(freeze(version2).error().kind() == ErrorKind::not_found);
}

TEST_CASE("killing is left to the kernel where it can do it") {
  const test::TempDirectory cgroup;
  write(cgroup, "cgroup.kill", "0");
  REQUIRE(
      ContainerCgroup({.version = 2, .directories = {{{}, cgroup.path()}}, .unit = {}, .bus = {}}).kill());
  CHECK(text(cgroup, "cgroup.kill") == "1");
}

TEST_CASE("elsewhere all are stopped, killed, and let go") {
  const test::TempDirectory freezer, other;
  REQUIRE(posix::make_directories(freezer.path("below"), 0755));
  write(freezer, "freezer.state", "THAWED");
  write(other, "cgroup.procs", "");
  const ContainerCgroup cgroup(version1({{{"memory"}, other.path()}, {{"freezer"}, freezer.path()}}));
  for (const int number : {SIGUSR1, SIGKILL}) {
    const pid_t first = waiting_process();
    const pid_t second = waiting_process();
    write(freezer, "cgroup.procs", std::to_string(first) + "\n");
    write(freezer, "below/cgroup.procs", std::to_string(second) + "\n");
    CHECK(cgroup.signal(number));
    CHECK(end_of(first) == number);
    CHECK(end_of(second) == number);
  }
  CHECK(text(freezer, "freezer.state") == "THAWED");
}
