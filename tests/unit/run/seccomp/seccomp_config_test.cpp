#include "run/seccomp/seccomp_config.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

oci::SeccompConfig config_of(std::vector<oci::SeccompRule> rules, std::string otherwise = "SCMP_ACT_ALLOW") {
  oci::SeccompConfig config;
  config.default_action = std::move(otherwise);
  config.rules = std::move(rules);
  return config;
}

oci::SeccompRule rule(std::string name, std::string action, std::vector<oci::SeccompArgument> args = {}) {
  return {
      .names = {std::move(name)}, .action = std::move(action), .errno_return = {}, .args = std::move(args)};
}

// The wait status of a process that calls under the filter and exits with its errno, or 0.
int status_under(const oci::SeccompConfig& config, const std::function<long()>& call) {
  const auto filter = compile_seccomp_config(config);
  INFO((filter ? "" : filter.error().message()));
  REQUIRE(filter);
  const pid_t pid = ::fork();
  if (pid == 0) {
    sock_fprog program{};
    program.len = static_cast<unsigned short>(filter->program.size() / sizeof(sock_filter));
    program.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(filter->program.data()));
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) != 0) ::_exit(250);
    errno = 0;
    ::_exit(call() < 0 ? errno : 0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

int errno_under(const oci::SeccompConfig& config, const std::function<long()>& call) {
  const int status = status_under(config, call);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

long ask_personality() {
  return ::syscall(SYS_personality, 0xffffffff);
}
long socket_of(int family) {
  return ::syscall(SYS_socket, family, SOCK_STREAM, 0);
}

ErrorKind error_kind(const oci::SeccompConfig& config) {
  const auto filter = compile_seccomp_config(config);
  REQUIRE_FALSE(filter);
  return filter.error().kind();
}

}  // namespace

TEST_CASE("actions of a config's filter") {
  CHECK(errno_under(config_of({rule("personality", "SCMP_ACT_ERRNO")}), ask_personality) == EPERM);
  oci::SeccompConfig busy = config_of({rule("personality", "SCMP_ACT_ERRNO")});
  busy.rules.front().errno_return = EBUSY;
  CHECK(errno_under(busy, ask_personality) == EBUSY);
  CHECK(errno_under(config_of({rule("personality", "SCMP_ACT_LOG")}), ask_personality) == 0);
  for (const char* action :
       {"SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"}) {
    INFO(action);
    CHECK(errno_under(config_of({rule("personality", action)}), ask_personality) == 256 + SIGSYS);
  }
  // Nobody traces: ENOSYS.
  CHECK(errno_under(config_of({rule("personality", "SCMP_ACT_TRACE")}), ask_personality) == ENOSYS);
}

TEST_CASE("the default action is for what no rule is about") {
  oci::SeccompConfig config = config_of({rule("exit_group", "SCMP_ACT_ALLOW")}, "SCMP_ACT_ERRNO");
  config.default_errno_return = ENOSYS;
  CHECK(errno_under(config, ask_personality) == ENOSYS);
  // Rules that say the same as the default are nothing to libseccomp.
  config.rules.push_back(rule("personality", "SCMP_ACT_ERRNO"));
  config.rules.back().errno_return = ENOSYS;
  CHECK(errno_under(config, ask_personality) == ENOSYS);
}

TEST_CASE("all operators on arguments") {
  const auto refused = [](std::uint64_t value, std::string operation, std::uint64_t two = 0) {
    return errno_under(
               config_of({rule(
                   "socket", "SCMP_ACT_ERRNO",
                   {{.index = 0, .value = value, .value_two = two, .operation = std::move(operation)}})}),
               [] { return socket_of(AF_UNIX); }) == EPERM;
  };
  static_assert(AF_UNIX == 1);
  CHECK(refused(1, "SCMP_CMP_EQ"));
  CHECK_FALSE(refused(2, "SCMP_CMP_EQ"));
  CHECK(refused(2, "SCMP_CMP_NE"));
  CHECK(refused(2, "SCMP_CMP_LT"));
  CHECK_FALSE(refused(1, "SCMP_CMP_LT"));
  CHECK(refused(1, "SCMP_CMP_LE"));
  CHECK(refused(1, "SCMP_CMP_GE"));
  CHECK(refused(0, "SCMP_CMP_GT"));
  CHECK(refused(0x3, "SCMP_CMP_MASKED_EQ", 0x1));
  CHECK_FALSE(refused(0x3, "SCMP_CMP_MASKED_EQ", 0x2));
}

TEST_CASE("several conditions must all hold, on one argument any") {
  const oci::SeccompArgument unix_family{.index = 0, .value = AF_UNIX, .operation = "SCMP_CMP_EQ"};
  const oci::SeccompArgument inet_family{.index = 0, .value = AF_INET, .operation = "SCMP_CMP_EQ"};
  const oci::SeccompArgument datagrams{.index = 1, .value = SOCK_DGRAM, .operation = "SCMP_CMP_EQ"};
  const auto both = config_of({rule("socket", "SCMP_ACT_ERRNO", {unix_family, datagrams})});
  CHECK(errno_under(both, [] { return socket_of(AF_UNIX); }) == 0);
  CHECK(errno_under(both, [] { return ::syscall(SYS_socket, AF_UNIX, SOCK_DGRAM, 0); }) == EPERM);
  const auto either = config_of({rule("socket", "SCMP_ACT_ERRNO", {unix_family, inet_family})});
  CHECK(errno_under(either, [] { return socket_of(AF_UNIX); }) == EPERM);
  CHECK(errno_under(either, [] { return socket_of(AF_INET); }) == EPERM);
}

TEST_CASE("architectures, flags and names that nobody knows") {
  oci::SeccompConfig config =
      config_of({rule("personality", "SCMP_ACT_ERRNO"), rule("no_such_call", "SCMP_ACT_KILL"),
                 rule("personality", "SCMP_ACT_ERRNO")});
  config.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  config.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"};
  CHECK(errno_under(config, ask_personality) == EPERM);
  CHECK(compile_seccomp_config(config)->flags ==
        (SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC));
}

TEST_CASE("words that nobody knows are errors") {
  CHECK(error_kind(config_of({}, "SCMP_ACT_MAYBE")) == ErrorKind::invalid);
  CHECK(error_kind(config_of({}, "")) == ErrorKind::invalid);
  CHECK(error_kind(config_of({rule("read", "ALLOW")})) == ErrorKind::invalid);
  CHECK(error_kind(config_of({rule("read", "SCMP_ACT_ERRNO",
                                   {{.index = 0, .value = 1, .operation = "EQ"}})})) == ErrorKind::invalid);
  CHECK(error_kind(config_of(
            {rule("read", "SCMP_ACT_ERRNO", {{.index = 6, .value = 1, .operation = "SCMP_CMP_EQ"}})})) ==
        ErrorKind::invalid);
  oci::SeccompConfig config = config_of({});
  config.flags = {"SECCOMP_FILTER_FLAG_FAST"};
  CHECK(error_kind(config) == ErrorKind::invalid);
  config = config_of({});
  config.architectures = {"X86"};
  CHECK(error_kind(config) == ErrorKind::invalid);
  config.architectures = {"SCMP_ARCH_PDP11"};
  CHECK(error_kind(config) == ErrorKind::unsupported);
  config = config_of({rule("read", "SCMP_ACT_KILL")});
  config.rules.front().errno_return = 5;
  CHECK(error_kind(config) == ErrorKind::invalid);
  config.rules.front() = rule("read", "SCMP_ACT_ERRNO");
  config.rules.front().errno_return = 70000;
  CHECK(error_kind(config) == ErrorKind::invalid);
}

TEST_CASE("a listener is asked for when an action is to notify, and somebody has to listen") {
  oci::SeccompConfig config = config_of({rule("personality", "SCMP_ACT_NOTIFY")});
  CHECK(error_kind(config) == ErrorKind::invalid);
  config.listener_path = "/run/agent";
  CHECK(compile_seccomp_config(config)->flags == SECCOMP_FILTER_FLAG_NEW_LISTENER);
  config.flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  CHECK(compile_seccomp_config(config)->flags ==
        (SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC | (1u << 4) | (1u << 5)));
  config.rules.push_back(rule("sendmsg", "SCMP_ACT_NOTIFY"));
  CHECK(error_kind(config) == ErrorKind::unsupported);
  config = config_of({}, "SCMP_ACT_NOTIFY");
  config.listener_path = "/run/agent";
  CHECK(error_kind(config) == ErrorKind::unsupported);
}

TEST_CASE("compiled filters are kept") {
  const test::TempDirectory scratch;
  const std::string directory = scratch.path() + "/filters";
  const oci::SeccompConfig config = config_of({rule("personality", "SCMP_ACT_ERRNO")});
  const auto first = cached_seccomp_config(config, directory);
  REQUIRE(first);
  CHECK(*first == *compile_seccomp_config(config));
  const Fd place = posix::open(directory, O_RDONLY | O_DIRECTORY).value();
  const auto kept = posix::list_directory(place).value();
  REQUIRE(kept.size() == 1);
  // What is there is what is taken.
  const std::string other(16, '\0');
  REQUIRE(posix::unlink_at(place, kept[0].name));
  REQUIRE(posix::write_full(posix::open_at(place, kept[0].name, O_CREAT | O_WRONLY, 0600).value(),
                            std::string_view(other)));
  CHECK(cached_seccomp_config(config, directory)->program == other);
  // But not what cannot be a filter, or is another one's.
  REQUIRE(posix::unlink_at(place, kept[0].name));
  REQUIRE(posix::write_full(posix::open_at(place, kept[0].name, O_CREAT | O_WRONLY, 0600).value(),
                            std::string_view("x")));
  CHECK(*cached_seccomp_config(config, directory) == *first);
  CHECK(*cached_seccomp_config(config_of({rule("personality", "SCMP_ACT_LOG")}), directory) != *first);
  REQUIRE(::chmod(directory.c_str(), 0777) == 0);
  CHECK(*cached_seccomp_config(config, directory) == *first);
}
