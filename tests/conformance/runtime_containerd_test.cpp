// Debian's containerd with `ctr run --runc-binary ecrin-runtime`, as root of a user namespace with all ids.
#include <unistd.h>

#include "tests/conformance/runtime_engine.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

// containerd on a socket and directories of this test's own. What it and its shims want below /run is on a
// tmpfs in a mount namespace that all commands enter, so that the host's /run is out of reach.
class Containerd {
public:
  Containerd() : m_runtime(runtime_program(m_scratch)), m_daemon(daemon()) {
    REQUIRE(m_daemon.wait_for_output("ready"));
    for (int attempt = 0; attempt < 300 && ctr({"version"}).code != 0; ++attempt) ::usleep(100'000);
    must({"images", "import", "--snapshotter", "native", setting().busybox});
    m_image = lines_of(must({"images", "ls", "-q"})).at(0);
  }
  Containerd(const Containerd&) = delete;
  Containerd& operator=(const Containerd&) = delete;
  ~Containerd() {
    for (const std::string& task : lines_of(ctr({"tasks", "ls", "-q"}).out))
      (void)ctr({"tasks", "delete", "--force", task});
    for (const std::string& container : lines_of(ctr({"containers", "ls", "-q"}).out))
      (void)ctr({"containers", "delete", container});
  }

  Invocation invocation(Arguments arguments) const {
    arguments.insert(arguments.begin(),
                     {"nsenter", "--preserve-credentials", "--user", "--mount", "--target",
                      trimmed(read_file(m_scratch / "pid")), "--", "ctr", "--address", socket()});
    return host_command(std::move(arguments));
  }
  Outcome ctr(Arguments arguments) const { return run(invocation(std::move(arguments))); }
  std::string must(Arguments arguments) const { return succeeded(ctr(std::move(arguments))); }
  /// The arguments of `ctr run`; no cgroup, and no weight of one, which nobody gave to this user.
  Arguments start(Arguments flags, const std::string& name, const Arguments& command) const {
    flags.insert(flags.begin(),
                 {"run", "--snapshotter", "native", "--cgroup", "", "--runc-binary", m_runtime});
    flags.insert(flags.end(), {m_image, name});
    flags.insert(flags.end(), command.begin(), command.end());
    return flags;
  }

private:
  std::string socket() const { return m_scratch / "socket"; }
  Invocation daemon() const {
    write_file(m_scratch / "config.toml", "version = 2\nroot = \"" + (m_scratch / "root") + "\"\nstate = \"" +
                                              (m_scratch / "state") +
                                              "\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", "
                                              "\"io.containerd.internal.v1.opt\"]\n[grpc]\naddress = \"" +
                                              socket() + "\"\n");
    return host_command({"unshare", "--map-root-user", "--map-auto", "--mount", "--", "sh", "-c",
                         "mount -t tmpfs none /run && echo $$ > \"$1/pid\" && echo ready && "
                         "exec containerd --config \"$1/config.toml\" > \"$1/log\" 2>&1",
                         "sh", m_scratch.path()});
  }
  Scratch m_scratch;
  std::string m_runtime;
  Running m_daemon;
  std::string m_image;
};

}  // namespace

TEST_CASE("containerd runs a program through ecrin-runtime") {
  if (!is_installed("containerd")) ECRIN_SKIP("containerd is not installed");
  const Containerd containerd;
  CHECK(containerd.must(containerd.start({"--rm"}, "first", {"echo", "hello"})) == "hello");
  CHECK(containerd.ctr(containerd.start({"--rm"}, "second", {"sh", "-c", "exit 7"})).code == 7);
  CHECK(containerd.must(containerd.start({"--rm", "--env", "A=b", "--cwd", "/tmp"}, "third",
                                         {"sh", "-c", "echo $A; pwd"})) == "b\n/tmp");
  CHECK(containerd.ctr(containerd.start({"--rm", "--read-only"}, "fourth", {"touch", "/file"})).code == 1);
  const Outcome missing = containerd.ctr(containerd.start({"--rm"}, "fifth", {"no-such-program"}));
  INFO(missing.description);
  CHECK(missing.code != 0);
  CHECK(contains(missing.err, "no-such-program"));
  Terminal terminal(containerd.invocation(containerd.start({"--rm", "--tty"}, "sixth", {"sh"})), 24, 80);
  terminal.send("tty; echo rea''dy; exit 4\n");
  CHECK(terminal.wait_for("ready"));
  INFO(terminal.screen());
  CHECK(contains(terminal.screen(), "/dev/pts/0"));
  CHECK(terminal.wait() == 4);
  CHECK(containerd.must({"tasks", "ls", "-q"}).empty());
}

TEST_CASE("containerd looks after a task of ecrin-runtime") {
  if (!is_installed("containerd")) ECRIN_SKIP("containerd is not installed");
  const Containerd containerd;
  containerd.must(
      containerd.start({"--detach"}, "box", {"sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done"}));
  CHECK(contains(containerd.must({"tasks", "ls"}), "RUNNING"));
  CHECK(containerd.must({"tasks", "exec", "--exec-id", "a", "box", "cat", "/proc/1/comm"}) == "sh");
  CHECK(containerd.ctr({"tasks", "exec", "--exec-id", "b", "box", "sh", "-c", "exit 9"}).code == 9);
  CHECK(contains(containerd.must({"tasks", "ps", "box"}), "PID"));
  containerd.must({"tasks", "kill", "--signal", "SIGTERM", "box"});
  for (int attempt = 0; attempt < 300 && !contains(containerd.must({"tasks", "ls"}), "STOPPED"); ++attempt)
    ::usleep(100'000);
  CHECK(contains(containerd.must({"tasks", "ls"}), "STOPPED"));
  containerd.must({"tasks", "delete", "box"});
  containerd.must({"containers", "delete", "box"});
}
