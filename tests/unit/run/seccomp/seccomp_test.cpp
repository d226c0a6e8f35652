#include "run/seccomp/seccomp.hpp"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "oci/runtime_config.hpp"
#include "run/seccomp/seccomp_profile.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

CapabilitySet default_set() {
  return parse_capabilities(oci::default_capabilities()).value();
}

bool install(const std::string& filter) {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(filter.size() / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(filter.data()));
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// The errno that `call` fails with under the filter; 0 when it succeeds, 250 when the filter cannot be
// installed.
int errno_under(const std::string& filter, const std::function<long()>& call) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!install(filter)) ::_exit(250);
    errno = 0;
    ::_exit(call() < 0 ? errno : 0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 251;
}

}  // namespace

TEST_CASE("the ready filter is what compiling gives") {
  const auto ready = seccomp_filter(default_set());
  const auto compiled = compile_seccomp_filter(default_set());
  REQUIRE(ready);
  REQUIRE(compiled);
  CHECK(*ready == *compiled);
  CHECK(ready->size() % sizeof(sock_filter) == 0);
  CHECK(ready->size() / sizeof(sock_filter) <= BPF_MAXINSNS);
}

TEST_CASE("capabilities without a rule do not change the filter") {
  CHECK(seccomp_filter(default_set() | capability_bit(CAP_NET_RAW)).value() ==
        seccomp_filter(default_set()).value());
  CHECK(seccomp_filter(default_set() | capability_bit(CAP_SYS_ADMIN)).value() !=
        seccomp_filter(default_set()).value());
}

TEST_CASE("the default filter") {
  const std::string filter = seccomp_filter(default_set()).value();
  const auto outcome = [&](const std::function<long()>& call) { return errno_under(filter, call); };
  SECTION("allows what programs need") {
    CHECK(outcome([] { return ::syscall(SYS_getpid); }) == 0);
    CHECK(outcome([] { return ::fork() == 0 ? (::_exit(0), 0L) : 0L; }) == 0);
    CHECK(outcome([] { return long{::socket(AF_INET, SOCK_STREAM, 0)}; }) == 0);
    CHECK(outcome([] { return long{::personality(0xffffffff)}; }) == 0);
    CHECK(outcome([] { return long{::personality(PER_LINUX32)}; }) == 0);
  }
  SECTION("refuses what manages the machine") {
    CHECK(outcome([] { return long{::unshare(CLONE_NEWUSER)}; }) == EPERM);
    CHECK(outcome([] { return ::syscall(SYS_mount, "a", "b", "c", 0, nullptr); }) == EPERM);
    CHECK(outcome([] { return ::syscall(SYS_keyctl, 0, 0); }) == EPERM);
    CHECK(outcome([] { return ::syscall(SYS_bpf, 0, nullptr, 0); }) == EPERM);
    CHECK(outcome([] { return ::syscall(SYS_init_module, nullptr, 0, nullptr); }) == EPERM);
    CHECK(outcome([] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); }) == EPERM);
    CHECK(outcome([] { return long{::socket(AF_VSOCK, SOCK_STREAM, 0)}; }) == EPERM);
  }
  SECTION("refuses new namespaces in every form of clone") {
    for (const long flag :
         {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS})
      CHECK(outcome([&] {
              return ::syscall(SYS_clone, flag | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
            }) == EPERM);
    CHECK(outcome([] { return ::syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0); }) ==
          EPERM);
    CHECK(outcome([] { return ::syscall(SYS_clone3, nullptr, 0); }) == ENOSYS);
  }
  SECTION("says ENOSYS to what it does not know") {
    CHECK(outcome([] { return ::syscall(100'000); }) == ENOSYS);
    CHECK(outcome([] { return ::syscall(SYS_io_uring_setup, 0, nullptr); }) == ENOSYS);
    CHECK(outcome([] { return long{::personality(ADDR_NO_RANDOMIZE)}; }) == ENOSYS);
  }
}

TEST_CASE("a capability opens the calls that belong to it") {
  const std::string filter = seccomp_filter(default_set() | capability_bit(CAP_SYS_ADMIN)).value();
  // EFAULT and EINVAL come from the kernel: the filter let the call through.
  CHECK(errno_under(filter, [] { return ::syscall(SYS_clone3, nullptr, 0); }) == EINVAL);
  CHECK(errno_under(filter, [] { return ::syscall(SYS_setns, -1, 0); }) == EBADF);
  const std::string without = seccomp_filter(default_set() & ~capability_bit(CAP_SYS_CHROOT)).value();
  CHECK(errno_under(without, [] { return ::syscall(SYS_chroot, "/"); }) == EPERM);
}

TEST_CASE("a call is in one list of the profile only") {
  std::vector<std::string> seen;
  const auto add = [&](std::string_view names) {
    for (std::size_t start = names.find_first_not_of(" \n"); start < names.size();) {
      const std::size_t end = std::min(names.find_first_of(" \n", start), names.size());
      seen.emplace_back(names.substr(start, end - start));
      start = names.find_first_not_of(" \n", end);
    }
  };
  add(seccomp_profile::always());
  add(seccomp_profile::never());
  for (const auto& group : seccomp_profile::groups()) add(group.names);
  std::ranges::sort(seen);
  const auto repeated = std::ranges::adjacent_find(seen);
  INFO((repeated == seen.end() ? "" : *repeated));
  CHECK(repeated == seen.end());
  CHECK(seen.size() > 350);
}
