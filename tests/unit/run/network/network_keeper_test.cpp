#include "run/network/network_keeper.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;

TEST_CASE("a keeper that ends before it has welcomed anybody is an error") {
  const ecrin::test::TempDirectory temp;
  const Fd directory = posix::open(temp.path(), O_RDONLY | O_DIRECTORY).value();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(20);  // instead of waiting for ever
    // The numbers that a keeper needs are above it.
    const rlimit few{.rlim_cur = 64, .rlim_max = 64};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) ::_exit(2);
    ::_exit(run::KeeperConnection::start(directory, "") ? 1 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}
