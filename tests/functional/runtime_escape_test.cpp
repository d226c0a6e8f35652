// Root directories and programs that want out, by way of mounts.
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <utility>

#include "tests/support/bundle.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin::tests;
using nlohmann::json;

namespace {

constexpr const char* k_up = "../../../../../../../../../../..";

// A directory of the host that a container shall never touch.
class Victim {
public:
  explicit Victim(const Scratch& scratch) : m_path(scratch / "victim") { make_directory(m_path, 0777); }
  const std::string& path() const { return m_path; }
  bool is_untouched() const { return names_in(m_path).empty(); }

private:
  std::string m_path;
};

void replace_by_symlink(const Bundle& bundle, const std::string& name, const std::string& target) {
  run(host_command({"rm", "-rf", bundle.rootfs() + "/" + name}));
  run(host_command({"ln", "-s", target, bundle.rootfs() + "/" + name}));
}

}  // namespace

TEST_CASE("the kernel's files are not mounted through symlinks of a root directory",
          "[runtime][any-driver]") {
  for (const char* name : {"proc", "sys"}) {
    INFO(name);
    Bundle bundle;
    const Victim victim(bundle.scratch());
    for (const std::string& target : {victim.path(), k_up + victim.path(), std::string("/tmp")}) {
      replace_by_symlink(bundle, name, target);
      const Outcome outcome = bundle.run("true");
      INFO(outcome.description);
      CHECK(outcome.code == 1);
      CHECK(contains(outcome.err, "symlink"));
      CHECK(victim.is_untouched());
    }
  }
}

TEST_CASE("mount points and devices behind symlinks stay in the root directory", "[runtime][any-driver]") {
  Bundle bundle;
  const Victim victim(bundle.scratch());
  for (const std::string& target : {victim.path() + "/dev", k_up + victim.path() + "/dev"}) {
    replace_by_symlink(bundle, "dev", target);
    const Outcome outcome = bundle.run("test -c /dev/null");
    INFO(outcome.description);
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "symlink"));
    CHECK(victim.is_untouched());
  }
  // Nor without a mount there: the devices are made all the same.
  json with_dev = std::exchange(bundle.config["mounts"], json::array());
  const Outcome bare = bundle.run("true");
  CHECK(bare.code == 1);
  CHECK(contains(bare.err, "symlink"));
  CHECK(victim.is_untouched());
  bundle.config["mounts"] = std::move(with_dev);
  run(host_command({"rm", bundle.rootfs() + "/dev"}));
  make_directory(bundle.rootfs() + "/dev");
  replace_by_symlink(bundle, "out", k_up + victim.path());
  bundle.mount("/out/made", "tmpfs", "tmpfs", {"mode=755"});
  bundle.mount("/out/../out/file", "bind", "/etc/hostname", {"bind"});
  bundle.config["linux"]["devices"] = {{{"path", "/out/null"}, {"type", "c"}, {"major", 1}, {"minor", 3}},
                                       {{"path", "/out/pipe"}, {"type", "p"}}};
  bundle.config["process"]["cwd"] = "/out/work/here";
  bundle.run("true");
  CHECK(victim.is_untouched());
}

TEST_CASE("a mount point that becomes a symlink meanwhile leads nowhere", "[runtime][any-driver]") {
  Bundle bundle;
  const Victim victim(bundle.scratch());
  const std::string place = bundle.rootfs() + "/spot";
  const std::string other = bundle.rootfs() + "/spot2";
  make_directory(place);
  run(host_command({"ln", "-s", k_up + victim.path(), other}));
  bundle.mount("/spot/a", "tmpfs", "tmpfs", {"mode=755"});
  bundle.mount("/spot/b", "bind", "/etc/hostname", {"bind"});
  bundle.config["linux"]["devices"] = {{{"path", "/spot/pipe"}, {"type", "p"}}};
  bundle.config["linux"]["maskedPaths"] = {"/spot/b"};
  bundle.config["linux"]["readonlyPaths"] = {"/spot/a"};
  bundle.config["process"]["cwd"] = "/spot/work";
  std::atomic<bool> stop = false;
  // Directory and symlink change places all the time.
  std::thread attacker([&] {
    while (!stop) ::renameat2(AT_FDCWD, place.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  });
  for (int round = 0; round < 15; ++round) bundle.run("true");
  stop = true;
  attacker.join();
  CHECK(victim.is_untouched());
}

TEST_CASE("what is masked or read-only stays so", "[runtime][any-driver]") {
  Bundle bundle;
  write_file(bundle.rootfs() + "/etc/secret", "secret\n");
  make_directory(bundle.rootfs() + "/etc/secrets");
  write_file(bundle.rootfs() + "/etc/secrets/file", "secret\n");
  bundle.config["linux"]["maskedPaths"].push_back("/etc/secret");
  bundle.config["linux"]["maskedPaths"].push_back("/etc/secrets");
  bundle.config["linux"]["maskedPaths"].push_back("/etc/not-there");
  CHECK(bundle.must("cat /etc/secret; ls /etc/secrets").empty());
  CHECK(bundle.must("stat -c %t:%T /etc/secret") == "1:3\n");
  CHECK(bundle.run("chmod 777 /etc/secret").code != 0);
  CHECK(bundle.run("touch /etc/secrets/new").code != 0);
  CHECK(bundle.run("echo x > /proc/sys/kernel/hostname").code != 0);
  CHECK(bundle.run("echo x > /proc/sysrq-trigger").code != 0);
}

TEST_CASE("with all capabilities the masks can be taken off no procfs by another one",
          "[runtime][any-driver]") {
  Bundle bundle;
  const json all = {"CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE",
                    "CAP_SETUID",    "CAP_SETGID",     "CAP_MKNOD"};
  for (const char* set : {"bounding", "effective", "permitted"})
    bundle.config["process"]["capabilities"][set] = all;
  // A user namespace of the program's own: what it got from the container cannot be taken apart there.
  const Outcome nested = bundle.run(
      "unshare -U -r -m -p -f sh -c 'mount -t proc -o hidepid=0 proc /tmp && cat /tmp/keys /tmp/timer_list'");
  INFO(nested.description);
  CHECK(nested.code != 0);
  CHECK(nested.out.empty());
  const Outcome unmasked =
      bundle.run("unshare -U -r -m sh -c 'umount /proc/keys || umount /proc/sys || umount /proc/timer_list'");
  INFO(unmasked.description);
  CHECK(unmasked.code != 0);
  // And the kernel's own settings belong to others.
  CHECK(bundle.run("umount /proc/sys && echo 1 > /proc/sys/vm/swappiness").code != 0);
  CHECK(bundle.run("mount -t sysfs s /tmp && echo x > /tmp/power/state").code != 0);
}

TEST_CASE("a terminal is made by the kernel, whatever the root directory has in its place",
          "[runtime][any-driver]") {
  Bundle bundle;
  const Victim victim(bundle.scratch());
  const std::string file = victim.path() + "/file";
  bundle.config["process"]["terminal"] = true;
  // No mount covers /dev.
  json& mounts = bundle.config["mounts"];
  const auto without = [&](const std::string& place) {
    for (auto mount = mounts.begin(); mount != mounts.end(); ++mount)
      if ((*mount)["destination"] == place) {
        mounts.erase(mount);
        return;
      }
  };
  for (const char* place : {"/dev", "/dev/shm", "/dev/mqueue"}) without(place);
  make_directory(bundle.rootfs() + "/dev/pts");
  run(host_command({"ln", "-s", k_up + file, bundle.rootfs() + "/dev/console"}));
  const Outcome outcome = bundle.run("test -t 0 && echo terminal");
  INFO(outcome.description);
  CHECK(outcome.out == "terminal\n");
  CHECK(victim.is_untouched());
  without("/dev/pts");
  write_file(bundle.rootfs() + "/dev/pts/ptmx", "mine\n");
  const Outcome faked = bundle.run("echo ran");
  INFO(faked.description);
  CHECK(faked.code == 1);
  CHECK(contains(faked.err, "devpts"));
  CHECK(read_file(bundle.rootfs() + "/dev/pts/ptmx") == "mine\n");
}

TEST_CASE("a console socket that is none, or that nobody serves, neither hangs nor leaves a container",
          "[runtime][any-driver]") {
  Bundle bundle;
  bundle.config["process"]["terminal"] = true;
  bundle.write("true");
  const std::string path = bundle.scratch() / "console";
  const auto create = [&] {
    Invocation made = bundle.runtime({"create", "--bundle", bundle.path(), "--console-socket", path, "box"});
    made.timeout = std::chrono::seconds(30);
    return run(made);
  };
  write_file(path, "");
  CHECK(create().code == 1);
  run(host_command({"rm", path}));
  run(host_command({"mkfifo", path}));
  CHECK(create().code == 1);
  run(host_command({"rm", path}));
  run(host_command({"ln", "-s", "/dev/tty", path}));
  CHECK(create().code == 1);
  run(host_command({"rm", path}));
  // It takes the connection and goes away.
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener, reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener, 1) == 0);
  std::thread server([listener] { ::close(::accept(listener, nullptr, nullptr)); });
  const Outcome outcome = create();
  server.join();
  ::close(listener);
  INFO(outcome.description);
  CHECK(outcome.code == 1);
  CHECK(names_in(bundle.scratch() / "states").empty());
}

TEST_CASE("account files of a root directory neither hang nor fill the memory", "[runtime][any-driver]") {
  Bundle bundle;
  const std::string passwd = bundle.rootfs() + "/etc/passwd";
  const auto home = [&] {
    bundle.write("echo $HOME; exec sleep 1000");
    Invocation made = bundle.runtime({"run", "--detach", "--bundle", bundle.path(), "box"});
    const Arguments shell = {"sh", "-c", "\"$@\" </dev/null >\"$0\" 2>&1", bundle.scratch() / "out"};
    made.argv.insert(made.argv.begin(), shell.begin(), shell.end());
    made.timeout = std::chrono::seconds(30);
    const Outcome started = run(made);
    INFO(started.description + read_file(bundle.scratch() / "out"));
    CHECK(started.code == 0);
    Invocation entered = bundle.runtime({"exec", "--user", "0", "box", "sh", "-c", "echo $HOME"});
    entered.timeout = std::chrono::seconds(30);
    const Outcome outcome = run(entered);
    CHECK(outcome.code == 0);
    run(bundle.runtime({"delete", "--force", "box"}));
    return trimmed(outcome.out);
  };
  write_file(passwd, "root:x:0:0:root:/of-root:/bin/sh\n");
  CHECK(home() == "/of-root");
  run(host_command({"rm", passwd}));
  run(host_command({"mkfifo", passwd}));
  CHECK_FALSE(home().empty());
  run(host_command({"rm", passwd}));
  run(host_command({"ln", "-s", std::string(k_up) + "/etc/passwd", passwd}));
  CHECK(home() == "/");
  run(host_command({"rm", passwd}));
  run(host_command({"truncate", "-s", "10G", passwd}));
  CHECK(home() == "/");
}
