// What config.json says about mounts, devices, settings of the kernel and the filter of system calls.
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

#include "tests/support/bundle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/descriptor_socket.hpp"

using namespace ecrin::tests;
using nlohmann::json;

namespace {

// The options of a mount, and of its file system, as the container sees them.
std::string mount_line(const Bundle& bundle, const std::string& target) {
  for (const std::string& line : lines_of(bundle.must("cat /proc/self/mountinfo")))
    if (contains(line, " " + target + " ")) return line;
  return "";
}

}  // namespace

TEST_CASE("bind mounts of a config: relative sources, files, attributes", "[runtime][any-driver]") {
  Bundle bundle;
  make_directory(bundle.path() + "/data/below");
  write_file(bundle.path() + "/data/file", "content\n");
  bundle.mount("/data", "bind", "data", {"rbind", "ro", "nosuid", "noexec", "nodev"});
  bundle.mount("relative", "none", "data/file", {"bind", "rw", "relatime"});
  CHECK(bundle.must("cat /data/file /relative") == "content\ncontent\n");
  const std::string line = mount_line(bundle, "/data");
  INFO(line);
  CHECK(contains(line, " /data ro,nosuid,nodev,noexec"));
  CHECK(bundle.run("touch /data/x").code != 0);
  CHECK(bundle.must("echo more >> /relative; cat /data/file") == "content\nmore\n");
  bundle.mount("/other", "bind", "nowhere", {"bind"});
  CHECK(bundle.run("true").code == 1);
}

TEST_CASE("recursive attributes reach the mounts below", "[runtime][any-driver]") {
  Bundle bundle;
  make_directory(bundle.path() + "/data");
  bundle.mount("/data", "bind", "/proc", {"rbind", "rro", "rnosuid"});
  const std::string lines = bundle.must("grep ' /data' /proc/self/mountinfo");
  INFO(lines);
  for (const std::string& line : lines_of(lines)) CHECK(contains(line, " ro,nosuid"));
}

TEST_CASE("a tmpfs begins with what the image has there", "[runtime][any-driver]") {
  Bundle bundle;
  make_directory(bundle.rootfs() + "/opt/data/below", 0750);
  write_file(bundle.rootfs() + "/opt/data/below/file", "content\n");
  run(host_command({"ln", "-s", "below/file", bundle.rootfs() + "/opt/data/link"}));
  bundle.mount("/opt/data", "tmpfs", "tmpfs", {"tmpcopyup", "size=1m"});
  CHECK(bundle.must("cat /opt/data/link; stat -c %a /opt/data/below; touch /opt/data/new") ==
        "content\n750\n");
  CHECK(names_in(bundle.rootfs() + "/opt/data") == std::vector<std::string>{"below", "link"});
}

TEST_CASE("devices that may not be made are the host's, or an error", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["linux"]["devices"] = {
      {{"path", "/dev/mine/full"}, {"type", "c"}, {"major", 1}, {"minor", 7}, {"fileMode", 0600}, {"uid", 0}},
      {{"path", "/run/pipe"}, {"type", "p"}, {"fileMode", 0600}}};
  CHECK(bundle.must("stat -c %t:%T /dev/mine/full; stat -c %F:%a /run/pipe") == "1:7\nfifo:600\n");
  bundle.config["linux"]["devices"] = {{{"path", "/dev/none"}, {"type", "c"}, {"major", 1}, {"minor", 77}}};
  const Outcome refused = bundle.run("true");
  INFO(refused.description);
  CHECK(refused.code == 1);
  CHECK(contains(refused.err, "1:77"));
}

TEST_CASE("a /dev of the host's is left as it is, without one the usual devices are there",
          "[runtime][any-driver]") {
  Bundle bundle;
  json& mounts = bundle.config["mounts"];
  json others = json::array();
  for (const json& mount : mounts)
    if (!mount["destination"].get<std::string>().starts_with("/dev")) others.push_back(mount);
  mounts = others;
  // Twice: mount points that were made stay in the root directory.
  for (int round = 0; round < 2; ++round)
    CHECK(bundle.must("stat -c %t:%T /dev/null /dev/urandom; echo x > /dev/null") == "1:3\n1:9\n");
  bundle.mount("/dev", "bind", "/dev", {"rbind"});
  CHECK(bundle.must("stat -c %t:%T /dev/null") == "1:3\n");
}

TEST_CASE("propagation of the root directory", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["linux"]["rootfsPropagation"] = "shared";
  CHECK(contains(mount_line(bundle, "/"), " shared:"));
  bundle.config["linux"]["rootfsPropagation"] = "private";
  CHECK_FALSE(contains(mount_line(bundle, "/"), " shared:"));
  bundle.config["linux"]["rootfsPropagation"] = "unbindable";
  CHECK(contains(mount_line(bundle, "/"), " unbindable"));
  bundle.config["linux"]["rootfsPropagation"] = "everywhere";
  CHECK(bundle.run("true").code == 1);
}

TEST_CASE("control groups of the host's /sys are only to be read", "[runtime][any-driver]") {
  Bundle bundle;  // with the mounts of `spec --rootless`
  // The last mount of a place is the one that is seen.
  const std::string seen = bundle.must(
      "/bin/busybox awk '$2 ~ /^.sys.fs.cgroup/ {last[$2] = $4} END {for (p in last) print last[p], p}' "
      "/proc/mounts");
  for (const std::string& line : lines_of(seen)) {
    INFO(line);
    CHECK(line.starts_with("ro"));
  }
}

TEST_CASE("control groups are shown, and only to be read", "[runtime][any-driver]") {
  Bundle bundle;
  for (const char* options : {"ro", "rw"}) {
    INFO(options);
    json& mounts = bundle.config["mounts"];
    for (json& mount : mounts)
      if (mount["destination"] == "/sys/fs/cgroup")
        mount = {{"destination", "/sys/fs/cgroup"},
                 {"type", "cgroup"},
                 {"source", "cgroup"},
                 {"options", {options, "nosuid", "noexec", "nodev"}}};
    // What is not delegated to this user cannot be written to, whatever the mount says.
    // (In version 1 the hierarchies lie in a tmpfs of the container's own.)
    CHECK(bundle.run("for d in /sys/fs/cgroup/*/; do mkdir $d/x && exit 0; done; exit 1").code != 0);
    if (std::string(options) == "ro") CHECK(bundle.run("mkdir /sys/fs/cgroup/x").code != 0);
  }
}

TEST_CASE("settings of the kernel are those of the container's namespaces", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["linux"]["sysctl"] = {{"kernel.msgmax", "4321"}};
  CHECK(bundle.must("cat /proc/sys/kernel/msgmax") == "4321\n");
  bundle.config["linux"]["sysctl"] = {{"vm.swappiness", "1"}};
  CHECK(bundle.run("true").code == 1);
  bundle.config["linux"]["sysctl"] = {{"kernel.msgmax", "4321"}};
  bundle.share("ipc");
  CHECK(bundle.run("true").code == 1);
}

TEST_CASE("a filter of system calls from the config", "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["linux"]["seccomp"] = {{"defaultAction", "SCMP_ACT_ALLOW"},
                                       {"syscalls",
                                        {{{"names", {"mkdir", "mkdirat", "no_such_call"}},
                                          {"action", "SCMP_ACT_ERRNO"},
                                          {"errnoRet", EXDEV}}}}};
  for (int round = 0; round < 2; ++round) {  // compiled, and then found
    const Outcome outcome = bundle.run("mkdir /tmp/x");
    INFO(outcome.description);
    CHECK(outcome.code != 0);
    CHECK(contains(outcome.err, "ross-device link"));
  }
  bundle.config["linux"]["seccomp"]["syscalls"][0]["action"] = "SCMP_ACT_MAYBE";
  CHECK(bundle.run("true").code == 1);
}

TEST_CASE("somebody else answers for system calls", "[runtime][any-driver]") {
  Bundle bundle;
  const std::string path = bundle.scratch() / "agent";
  const DescriptorSocket server(path);
  std::string told;
  // One call is refused with EXDEV; after that nobody listens any more.
  std::thread agent([&] {
    ReceivedDescriptor received = server.receive();
    told = std::move(received.text);
    if (const int listener = received.descriptor; listener >= 0) {
      seccomp_notif request{};
      if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0) {
        seccomp_notif_resp answer{};
        answer.id = request.id;
        answer.error = -EXDEV;
        ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
      }
      ::close(listener);
    }
  });
  bundle.config["linux"]["seccomp"] = {
      {"defaultAction", "SCMP_ACT_ALLOW"},
      {"listenerPath", path},
      {"listenerMetadata", "words"},
      {"syscalls", {{{"names", {"mkdir", "mkdirat"}}, {"action", "SCMP_ACT_NOTIFY"}}}}};
  const Outcome outcome = bundle.run("mkdir /tmp/x");
  // Whatever happened, the agent is not waited for in vain.
  server.stop();
  agent.join();
  INFO(outcome.description << told);
  CHECK(outcome.code != 0);
  CHECK(contains(outcome.err, "ross-device link"));
  const json state = json::parse(told);
  CHECK(state["fds"] == json::array({"seccompFd"}));
  CHECK(state["metadata"] == "words");
  CHECK(state["pid"].get<int>() > 0);
  CHECK(state["state"]["id"] == "box");
}
