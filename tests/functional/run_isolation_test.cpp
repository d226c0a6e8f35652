// What a container can see and do.
#include <cstdint>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

std::string shell(const Ecrin& ecrin, const std::string& script, Arguments flags = {}) {
  Arguments arguments = {"run", "--rm"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.insert(arguments.end(), {"busybox", "sh", "-c", script});
  const Outcome outcome = ecrin(std::move(arguments));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return outcome.out;
}

std::string answer(const Ecrin& ecrin, const std::string& call, Arguments flags = {}) {
  return trimmed(shell(ecrin, "test-init try " + call, std::move(flags)));
}

std::uint64_t capabilities(const Ecrin& ecrin, const std::string& set, Arguments flags = {}) {
  const std::string line = shell(ecrin, "grep ^" + set + ": /proc/self/status", std::move(flags));
  return std::stoull(line.substr(line.find(':') + 1), nullptr, 16);
}

constexpr std::uint64_t bit(int number) {
  return std::uint64_t{1} << number;
}
// The default set of podman and docker; their lists differ in mknod, net_raw and audit_write.
constexpr std::uint64_t k_common =
    bit(0) | bit(1) | bit(3) | bit(4) | bit(5) | bit(6) | bit(7) | bit(8) | bit(10) | bit(18) | bit(31);
constexpr std::uint64_t k_optional = bit(13) | bit(27) | bit(29);

}  // namespace

TEST_CASE("capabilities are the usual ones, and flags change them", "[any-driver]") {
  Ecrin ecrin;
  for (const char* set : {"CapEff", "CapPrm", "CapBnd"}) {
    const std::uint64_t found = capabilities(ecrin, set);
    INFO(set << " " << std::hex << found);
    CHECK((found & k_common) == k_common);
    CHECK((found & ~(k_common | k_optional)) == 0);
  }
  CHECK(capabilities(ecrin, "CapInh") == 0);
  CHECK(capabilities(ecrin, "CapEff", {"--cap-drop", "all"}) == 0);
  CHECK(capabilities(ecrin, "CapBnd", {"--cap-drop", "ALL", "--cap-add", "CHOWN"}) == bit(0));
  CHECK((capabilities(ecrin, "CapEff", {"--cap-add", "CAP_SYS_ADMIN"}) & bit(21)) != 0);
  CHECK(capabilities(ecrin, "CapEff", {"-u", "someone"}) == 0);
  CHECK(answer(ecrin, "chown") == "ok");
  CHECK(answer(ecrin, "chown", {"--cap-drop", "chown"}) == "EPERM");
  CHECK(ecrin({"run", "--rm", "--cap-add", "CAP_NOTHING", "busybox", "true"}).code == 125);
}

TEST_CASE("no new privileges and a seccomp filter are on", "[any-driver]") {
  Ecrin ecrin;
  const std::string status = shell(ecrin, "cat /proc/self/status");
  INFO(status);
  CHECK(contains(status, "NoNewPrivs:\t1"));
  CHECK(contains(status, "Seccomp:\t2"));
  CHECK(answer(ecrin, "chown") == "ok");
  for (const char* call : {"mount-tmpfs", "keyctl", "add-key", "bpf", "kexec", "reboot", "perf",
                           "mknod-device", "sethostname", "unshare-mount"}) {
    INFO(call);
    CHECK(answer(ecrin, call) != "ok");
  }
}

TEST_CASE("sensitive files of /proc and /sys are masked or read-only", "[any-driver]") {
  Ecrin ecrin;
  for (const char* path : {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi",
                           "/sys/firmware", "/proc/acpi"}) {
    INFO(path);
    CHECK(trimmed(shell(ecrin, std::string("test ! -e ") + path + " || find " + path +
                                   " -mindepth 1; test ! -f " + path + " || head -c 10 " + path +
                                   " 2>/dev/null; true"))
              .empty());
  }
  for (const char* path : {"/proc/sys/kernel/hostname", "/proc/sys/vm/swappiness", "/proc/sysrq-trigger",
                           "/proc/irq/default_smp_affinity"}) {
    INFO(path);
    CHECK(contains(shell(ecrin, std::string("if [ -e ") + path + " ] && echo 1 2>/dev/null > " + path +
                                    "; then echo written; fi 2>/dev/null; echo done"),
                   "done"));
    CHECK_FALSE(contains(shell(ecrin, std::string("if [ -e ") + path + " ] && echo 1 2>/dev/null > " + path +
                                          "; then echo written; fi 2>/dev/null; echo done"),
                         "written"));
  }
  CHECK_FALSE(contains(shell(ecrin,
                             "mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; touch /sys/kernel/x "
                             "2>/dev/null && echo made; true"),
                       "made"));
}

TEST_CASE("devices, pseudo terminals, shared memory, /proc and /sys are there") {
  Ecrin ecrin;
  for (const char* device : {"null", "zero", "full", "random", "urandom", "tty"}) {
    INFO(device);
    CHECK(shell(ecrin, std::string("test -c /dev/") + device + " && echo yes") == "yes\n");
  }
  CHECK(shell(ecrin, "echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c") ==
        "3\n3\n");
  CHECK(shell(ecrin, "echo x > /dev/full || echo full", {}) == "full\n");
  CHECK(shell(ecrin, "for name in fd stdin stdout stderr; do readlink /dev/$name; done") ==
        "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n");
  CHECK(shell(ecrin, "stat -c %a /dev/shm; echo x > /dev/shm/x; cat /dev/shm/x") == "1777\nx\n");
  CHECK(
      shell(
          ecrin,
          "test -e /dev/ptmx && test -d /dev/pts && test -d /dev/mqueue && test -d /sys/class && echo yes") ==
      "yes\n");
  CHECK(shell(ecrin, "test -e /dev/sda || test -e /dev/vda || test -e /dev/mem || echo no-disk") ==
        "no-disk\n");
}

TEST_CASE("a container sees its own processes and none of the host's") {
  Ecrin ecrin;
  const std::string processes = shell(ecrin, "ls -d /proc/[0-9]* | wc -l");
  CHECK(std::stoi(processes) <= 5);
  CHECK(shell(ecrin, "kill -0 99999 2>/dev/null || echo alone") == "alone\n");
  for (const char* space : {"pid", "mnt", "uts", "ipc", "user"}) {
    char host[64] = {};
    REQUIRE(readlink((std::string("/proc/self/ns/") + space).c_str(), host, sizeof host - 1) > 0);
    CHECK(trimmed(shell(ecrin, std::string("readlink /proc/self/ns/") + space)) != host);
  }
}

TEST_CASE("no descriptor and no program file of ecrin is within reach") {
  Ecrin ecrin;
  CHECK(shell(ecrin, "test-init descriptors") == " 0 1 2\n");
  CHECK_FALSE(contains(shell(ecrin, "readlink /proc/1/exe 2>&1; true"), "ecrin"));
  // Whatever pid 1 was executed from must not be the file on the host, and must not be writable.
  CHECK_FALSE(contains(
      shell(ecrin,
            "if [ -e /proc/1/exe ]; then (echo x >> /proc/1/exe) 2>/dev/null && echo written; fi; true"),
      "written"));
  CHECK_FALSE(contains(shell(ecrin, "cat /proc/1/environ 2>/dev/null | tr '\\0' '\\n'; true"), "ECRIN_TEST"));
}

TEST_CASE("mount points of the host are not visible") {
  Ecrin ecrin;
  const std::string mounts = shell(ecrin, "cat /proc/mounts");
  INFO(mounts);
  for (const auto& line : lines_of(mounts)) {
    const std::string target = line.substr(line.find(' ') + 1);
    CHECK_FALSE(target.starts_with("/var/"));
    CHECK_FALSE(target.starts_with("/home/"));
  }
  CHECK(shell(ecrin, "test -e " + setting().directory + " || echo hidden") == "hidden\n");
  CHECK(shell(ecrin, "ls /.. | grep -c '^bin$'") == "1\n");
}

TEST_CASE("symlinks in an image where the tool mounts or writes do not lead outside") {
  Ecrin ecrin;
  const std::string victim = ecrin.scratch() / "victim";
  make_directory(victim, 0777);
  for (const std::string place : {"/dev", "/proc", "/sys", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname",
                                  "/dev/null", "/dev/shm", "/run"}) {
    // The tree is made by other means: no build step could replace what is mounted there.
    const std::string tree = ecrin.scratch() / "tree";
    run(host_command({"rm", "-rf", tree}));
    for (const char* directory : {"/bin", "/etc", "/dev", "/proc", "/sys", "/run"})
      make_directory(tree + directory);
    run(host_command({"cp", "/bin/busybox", tree + "/bin/busybox"}));
    run(host_command({"rm", "-rf", tree + place}));
    run(host_command({"ln", "-s", "../../../../../../../../.." + victim + "/target", tree + place}));
    Invocation invocation = ecrin.invocation({"run", "--rm", "--rootfs", tree, "/bin/busybox", "true"});
    invocation.timeout = std::chrono::seconds(30);
    const Outcome outcome = run(invocation);
    INFO(place << "\n" << outcome.description);
    CHECK_FALSE(outcome.timed_out);
    CHECK(names_in(victim).empty());
  }
}

TEST_CASE("odd passwd and group files neither hang nor lie") {
  Ecrin ecrin;
  const std::string tree = ecrin.scratch() / "tree";
  for (const char* directory : {"/bin", "/etc", "/dev", "/proc", "/sys"}) make_directory(tree + directory);
  run(host_command({"cp", "/bin/busybox", tree + "/bin/busybox"}));
  const auto run_as = [&](const std::string& user) {
    Invocation invocation =
        ecrin.invocation({"run", "--rm", "-u", user, "--rootfs", tree, "/bin/busybox", "id", "-u"});
    invocation.timeout = std::chrono::seconds(30);
    Outcome outcome = run(invocation);
    CHECK_FALSE(outcome.timed_out);
    return outcome;
  };
  run(host_command({"mkfifo", tree + "/etc/passwd"}));
  CHECK(run_as("someone").code == 125);
  // A number needs no entry, but an image like this may be refused as a whole.
  const Outcome by_number = run_as("1000");
  CHECK((by_number.out == "1000\n" || one_error(by_number)));
  run(host_command({"rm", tree + "/etc/passwd"}));
  run(host_command({"ln", "-s", "../../../../../../../../../../etc/passwd", tree + "/etc/passwd"}));
  CHECK(run_as("daemon").code == 125);
  run(host_command({"rm", tree + "/etc/passwd"}));
  write_file(tree + "/etc/passwd",
             "::::\nbroken\nsomeone:x:notanumber:1::/:\nsomeone:x:1000:1000::/:/bin/sh\n");
  CHECK(run_as("someone").out == "1000\n");
  run(host_command({"truncate", "-s", "10G", tree + "/etc/passwd"}));
  run_as("someone");
  run(host_command({"rm", tree + "/etc/passwd"}));
  run(host_command({"truncate", "-s", "10G", tree + "/etc/group"}));
  run_as("1000:somegroup");
  run(host_command({"rm", tree + "/etc/group"}));
  run(host_command({"mkfifo", tree + "/etc/group"}));
  run_as("1000:somegroup");
}
