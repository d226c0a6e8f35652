#include "run/cgroup/cgroup.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "run/cgroup/systemd_scope.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

bool is_there(const test::TempDirectory& directory, const std::string& name) {
  return ::access(directory.path(name).c_str(), F_OK) == 0;
}

// The number of a process that is no more.
pid_t dead_process() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  return pid;
}

}  // namespace

TEST_CASE("what dead processes of ours left is swept, all else stays") {
  const test::TempDirectory directory;
  const std::string dead = std::to_string(dead_process());
  const std::string alive = std::to_string(::getppid());
  const std::string before = std::to_string(::getpid());
  const std::vector<std::string> gone = {"ecrin-" + before, "ecrin-" + dead, "ecrin-" + dead + "-3"};
  const std::vector<std::string> kept = {"ecrin-" + alive, "ecrin-" + alive + "-1", "ecrin-", "ecrin-x-1",
                                         "other-" + dead};
  for (const auto* names : {&gone, &kept})
    for (const std::string& name : *names) REQUIRE(posix::mkdir_at(directory.fd(), name, 0755));
  REQUIRE(posix::mkdir_at(directory.fd(), gone.back() + "/below", 0755));
  sweep_cgroups(directory.path());
  for (const std::string& name : gone) CHECK_FALSE(is_there(directory, name));
  for (const std::string& name : kept) CHECK(is_there(directory, name));
  sweep_cgroups(directory.path("not there"));
}

TEST_CASE("where no service manager answers there is no scope") {
  for (const auto& addresses : {std::vector<std::string>{}, {"unix:path=/nowhere/bus", "nonsense"}}) {
    const auto entered = enter_systemd_scope(addresses);
    REQUIRE_FALSE(entered);
    CHECK(entered.error().kind() == ErrorKind::not_found);
  }
}

TEST_CASE("limits that contradict each other are refused before the host is looked at") {
  const auto place = CgroupPlace::open({.memory = {.limit = 10, .swap = 5}}, {});
  REQUIRE_FALSE(place);
  CHECK(place.error().kind() == ErrorKind::invalid);
}
