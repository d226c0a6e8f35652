#include "oci/runtime_config_json.hpp"

namespace ecrin::oci {

namespace {

std::vector<RuntimeMount> example_mounts() {
  const auto mount = [](std::string destination, std::string type, std::string source,
                        std::vector<std::string> options) {
    return RuntimeMount{.destination = std::move(destination),
                        .type = std::move(type),
                        .source = std::move(source),
                        .options = std::move(options),
                        .uid_mappings = {},
                        .gid_mappings = {}};
  };
  return {mount("/proc", "proc", "proc", {}),
          mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
          mount("/dev/pts", "devpts", "devpts",
                {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
          mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
          mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
          mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
          mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"})};
}

// A user namespace with one user in it has no group 5, and sysfs is for those who own the network. Below the
// host's /sys are its control groups, of which some may be this user's: the mount over them is read-only.
void make_rootless(RuntimeConfig& config, uid_t uid, gid_t gid) {
  for (RuntimeMount& mount : config.mounts) {
    if (mount.destination == "/dev/pts") std::erase(mount.options, "gid=5");
    if (mount.destination != "/sys") continue;
    mount.type = "none";
    mount.source = "/sys";
    mount.options = {"rbind", "nosuid", "noexec", "nodev", "ro"};
  }
  std::erase(config.namespaces, RuntimeNamespace(Namespace::network));
  config.namespaces.emplace_back(Namespace::user);
  config.uid_mappings = {{.container_id = 0, .host_id = uid, .size = 1}};
  config.gid_mappings = {{.container_id = 0, .host_id = gid, .size = 1}};
  config.resources = {};
}

}  // namespace

RuntimeConfig example_runtime_config(bool rootless, uid_t uid, gid_t gid) {
  RuntimeConfig config = default_runtime_config(ImageConfig());
  config.default_seccomp = false;
  config.root_path = "rootfs";
  config.root_read_only = true;
  config.hostname = "ecrin";
  config.process.terminal = true;
  config.process.args = {"sh"};
  config.process.env.emplace_back("TERM=xterm");
  config.process.capabilities = Capabilities::of({"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"});
  config.process.rlimits = {{.type = "RLIMIT_NOFILE", .soft = 1024, .hard = 1024}};
  config.mounts = example_mounts();
  config.resources.devices = {DeviceRule{}};
  if (rootless) make_rootless(config, uid, gid);
  return config;
}

}  // namespace ecrin::oci
