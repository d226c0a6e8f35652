#include "oci/runtime_config.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace ecrin::oci {

namespace {

constexpr std::string_view k_default_path =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::uint64_t k_open_files = 1'048'576;

std::vector<RuntimeMount> default_mounts() {
  return {
      {"/proc", "proc", "", {"nosuid", "noexec", "nodev"}, {}, {}},
      {"/dev", "tmpfs", "", {"nosuid", "strictatime", "mode=755", "size=65536k"}, {}, {}},
      {"/dev/pts",
       "devpts",
       "",
       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"},
       {},
       {}},
      {"/dev/shm", "tmpfs", "", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}, {}, {}},
      {"/dev/mqueue", "mqueue", "", {"nosuid", "noexec", "nodev"}, {}, {}},
      {"/sys", "sysfs", "", {"nosuid", "noexec", "nodev", "ro"}, {}, {}},
      {"/sys/fs/cgroup", "cgroup2", "", {"nosuid", "noexec", "nodev", "relatime", "ro"}, {}, {}},
  };
}

// Files that show the host's hardware, keys or load, or that are holes by their nature.
std::vector<std::string> default_masked_paths() {
  return {"/proc/acpi",
          "/proc/asound",
          "/proc/interrupts",
          "/proc/kcore",
          "/proc/keys",
          "/proc/latency_stats",
          "/proc/sched_debug",
          "/proc/scsi",
          "/proc/timer_list",
          "/proc/timer_stats",
          "/sys/devices/virtual/powercap",
          "/sys/firmware",
          "/sys/fs/selinux"};
}

// The defaults ask for many open files, but a process without privileges cannot go above its own hard limit.
std::vector<Rlimit> default_rlimits() {
  struct rlimit own = {};
  std::uint64_t most = k_open_files;
  if (getrlimit(RLIMIT_NOFILE, &own) == 0 && own.rlim_max != RLIM_INFINITY)
    most = std::min<std::uint64_t>(most, own.rlim_max);
  return {{.type = "RLIMIT_NOFILE", .soft = most, .hard = most}};
}

}  // namespace

const std::vector<std::string>& default_capabilities() {
  static const std::vector<std::string> capabilities = {
      "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_FSETID", "CAP_KILL",      "CAP_NET_BIND_SERVICE",
      "CAP_SETFCAP", "CAP_SETGID",       "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"};
  return capabilities;
}

RuntimeConfig default_runtime_config(const ImageConfig& image) {
  RuntimeConfig config;
  RuntimeProcess& process = config.process;
  process.args = image.entrypoint.value_or(std::vector<std::string>());
  if (image.cmd) process.args.insert(process.args.end(), image.cmd->begin(), image.cmd->end());
  process.env = image.env;
  const bool has_path = std::any_of(process.env.begin(), process.env.end(), [](const std::string& variable) {
    return variable.starts_with("PATH=");
  });
  if (!has_path) process.env.insert(process.env.begin(), std::string(k_default_path));
  // Docker's old configs have relative ones, which are meant from the root.
  if (!image.working_dir.empty())
    process.cwd = image.working_dir.starts_with('/') ? image.working_dir : "/" + image.working_dir;
  process.capabilities = Capabilities::of(default_capabilities());
  process.rlimits = default_rlimits();
  config.mounts = default_mounts();
  config.masked_paths = default_masked_paths();
  config.read_only_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return config;
}

const RuntimeNamespace* find_namespace(const RuntimeConfig& config, Namespace kind) {
  const auto found = std::ranges::find(config.namespaces, kind, &RuntimeNamespace::kind);
  return found == config.namespaces.end() ? nullptr : &*found;
}

}  // namespace ecrin::oci
