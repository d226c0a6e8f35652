// Root directories and programs that want out, by way of mounts.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>
#include <thread>

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
    CHECK(victim.is_untouched());
  }
  replace_by_symlink(bundle, "dev", "/tmp");
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
