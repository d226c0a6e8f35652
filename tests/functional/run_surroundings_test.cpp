// ecrin run: groups, umask, settings of the kernel, shared namespaces, time zones, --privileged and
// --replace.
#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"

using namespace ecrin::tests;

TEST_CASE("what surrounds a program is as it was asked for") {
  Ecrin ecrin;
  CHECK(out_of(ecrin,
               {"--network", "none", "--group-add", "44", "--umask", "077", "--oom-score-adj", "500",
                "--sysctl", "kernel.msgmax=4096"},
               {"sh", "-c", "id -G; umask; cat /proc/self/oom_score_adj /proc/sys/kernel/msgmax"}) ==
        "0 44\n0077\n500\n4096\n");
  CHECK(out_of(ecrin, {"--sysctl", "net.ipv4.ip_forward=1"}, {"cat", "/proc/sys/net/ipv4/ip_forward"}) ==
        "1\n");
  CHECK(out_of(ecrin, {"--network", "none", "--uts=host"}, {"hostname"}) ==
        run(host_command({"hostname"})).out);
  const Arguments ipc = {"readlink", "/proc/self/ns/ipc"};
  const std::string own = run(host_command(ipc)).out;
  CHECK(out_of(ecrin, {"--network", "none", "--ipc=host"}, ipc) == own);
  CHECK_FALSE(out_of(ecrin, {"--network", "none"}, ipc) == own);
  CHECK(run_in(ecrin, {"--read-only", "--read-only-tmpfs=false"}, {"touch", "/tmp/x"}).code != 0);
  for (const Arguments& flags : {Arguments{"--sysctl", "kernel.panic=1"}, Arguments{"--pid", "host"},
                                 Arguments{"--group-add", "nobodys"}, Arguments{"--tz", "No/Where"}}) {
    const Outcome refused = run_in(ecrin, flags, {"true"});
    INFO(refused.description);
    CHECK(refused.code == 125);
    CHECK(one_error(refused));
  }
}

TEST_CASE("a privileged container may mount") {
  Ecrin ecrin;
  const Arguments mounts = {"sh", "-c", "mkdir -p /m && mount -t tmpfs none /m && echo mounted"};
  CHECK(out_of(ecrin, {"--network", "none", "--privileged"}, mounts) == "mounted\n");
  CHECK(run_in(ecrin, {"--network", "none"}, mounts).code != 0);
}

TEST_CASE("a container takes the place of another one with --replace") {
  Ecrin ecrin;
  const Arguments words = {"run", "-d", "--name", "c", "--network", "none", "busybox", "sleep", "1000"};
  ecrin.must(words);
  CHECK(ecrin(words).code == 125);
  Arguments replacing = words;
  replacing.insert(replacing.begin() + 1, "--replace");
  const std::string id = ecrin.must(replacing);
  CHECK(ecrin.must({"ps", "-aq", "--no-trunc"}) == id);
  ecrin.must({"rm", "-f", "-t", "0", "c"});
}
