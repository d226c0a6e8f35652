// RuntimeConfig: what a container shall be, in the runtime-spec's words (config.md, config-linux.md, 1.2).
// run/ performs it; build/ and cli/ make it from an image config, and a bundle's config.json says it as text
// (runtime_config_json.hpp). A plain value.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "oci/image_config.hpp"
#include "oci/resources.hpp"
#include "oci/seccomp_config.hpp"

namespace ecrin::oci {

/// A part of an id map: `size` ids from `container_id` on are those from `host_id` on.
struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
  bool operator==(const IdMapping&) const = default;
};

struct RuntimeMount {
  std::string destination;           // absolute in the container
  std::string type;                  // "bind", "proc", "tmpfs", "devpts", "sysfs", "mqueue", "cgroup"
  std::string source;                // host path for bind
  std::vector<std::string> options;  // "ro", "nosuid", "rbind", "mode=1777", "size=64m", ...
  std::vector<IdMapping> uid_mappings, gid_mappings;  // of an idmapped mount
  bool operator==(const RuntimeMount&) const = default;
};

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const Rlimit&) const = default;
};

/// Names as in capabilities(7): "CAP_CHOWN".
struct Capabilities {
  std::vector<std::string> bounding, effective, permitted, inheritable, ambient;
  /// Bounding, effective and permitted; the other two stay empty.
  static Capabilities of(const std::vector<std::string>& names) {
    return {.bounding = names, .effective = names, .permitted = names, .inheritable = {}, .ambient = {}};
  }
  /// What docker and podman give a user that is not root: nothing of it unless a file has capabilities.
  void keep_bounding_only() {
    effective.clear();
    permitted.clear();
  }
  bool operator==(const Capabilities&) const = default;
};

/// sched_setattr(2); times in nanoseconds.
struct Scheduler {
  std::string policy;  // "SCHED_OTHER", "SCHED_FIFO", ...
  std::int32_t nice = 0;
  std::int32_t priority = 0;
  std::vector<std::string> flags;  // "SCHED_FLAG_RESET_ON_FORK", ...
  std::uint64_t runtime = 0, deadline = 0, period = 0;
  bool operator==(const Scheduler&) const = default;
};

/// ioprio_set(2)
struct IoPriority {
  std::string io_class;  // "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"
  int priority = 0;
  bool operator==(const IoPriority&) const = default;
};

/// Lists of processors ("0-3,7") for the runtime's part of an exec and for the program; "" = as it is.
struct CpuAffinity {
  std::string initial, final;
  bool operator==(const CpuAffinity&) const = default;
};

/// In characters.
struct ConsoleSize {
  std::uint16_t height = 0;
  std::uint16_t width = 0;
  bool operator==(const ConsoleSize&) const = default;
};

struct RuntimeProcess {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;  // of the terminal, from the program's first moment on
  std::vector<std::string> args;
  std::vector<std::string> env;  // "A=b"
  std::string cwd = "/";
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> additional_gids;
  std::optional<mode_t> umask;
  Capabilities capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = true;
  std::optional<int> oom_score_adj;
  std::optional<Scheduler> scheduler;
  std::optional<IoPriority> io_priority;
  std::optional<CpuAffinity> exec_cpu_affinity;
  std::string apparmor_profile;
  std::string selinux_label;
  bool operator==(const RuntimeProcess&) const = default;
};

enum class Namespace { pid, network, mount, ipc, uts, cgroup, user, time };

/// A namespace that the container does not share with the runtime.
struct RuntimeNamespace {
  Namespace kind = Namespace::mount;
  std::string path;  // of the one to join; "" = a new one
  // A kind alone means a new one.
  RuntimeNamespace(Namespace new_one, std::string joined = "")  // NOLINT(google-explicit-constructor)
      : kind(new_one), path(std::move(joined)) {}
  bool operator==(const RuntimeNamespace&) const = default;
};

/// A node below /dev; see mknod(2).
struct Device {
  std::string path;  // absolute in the container
  char type = 'c';   // 'c', 'u' (as 'c'), 'b', 'p'
  std::int64_t major = 0, minor = 0;
  std::optional<mode_t> file_mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  bool operator==(const Device&) const = default;
};

/// A program that is run at a point of the container's life, with the container's state on its stdin.
struct Hook {
  std::string path;               // absolute
  std::vector<std::string> args;  // with the name (args[0]); empty: the path alone
  std::vector<std::string> env;
  std::optional<int> timeout;  // seconds
  bool operator==(const Hook&) const = default;
};

struct Hooks {
  std::vector<Hook> prestart, create_runtime, create_container, start_container, poststart, poststop;
  bool operator==(const Hooks&) const = default;
};

/// personality(2)
struct Personality {
  std::string domain;              // "LINUX", "LINUX32"
  std::vector<std::string> flags;  // the spec has none yet
  bool operator==(const Personality&) const = default;
};

/// time_namespaces(7)
struct TimeOffset {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  bool operator==(const TimeOffset&) const = default;
};

/// Intel's resource director (resctrl); kept so that asking for it can be refused.
struct IntelRdt {
  std::string clos_id;
  std::string l3_cache_schema, memory_bandwidth_schema;
  bool enable_cache_monitoring = false, enable_memory_monitoring = false;
  bool operator==(const IntelRdt&) const = default;
};

struct RuntimeConfig {
  std::string version = "1.2.0";  // ociVersion
  std::string root_path;          // absolute, or below the bundle
  RuntimeProcess process;
  bool has_process = true;  // config.json may leave it out: then the container cannot be started
  bool root_read_only = false;
  std::string hostname;
  std::string domainname;
  std::vector<RuntimeMount> mounts;
  std::vector<RuntimeNamespace> namespaces = {Namespace::pid, Namespace::network, Namespace::mount,
                                              Namespace::ipc, Namespace::uts,     Namespace::cgroup};
  std::vector<IdMapping> uid_mappings, gid_mappings;  // of a new user namespace
  std::map<std::string, TimeOffset> time_offsets;     // "monotonic", "boottime": of a new time namespace
  std::vector<Device> devices;                        // beside those that every container has
  Hooks hooks;
  std::vector<std::string> masked_paths;
  std::vector<std::string> read_only_paths;
  std::map<std::string, std::string> sysctl;
  bool default_seccomp = true;  // ecrin's own filter; false: `seccomp`, or unconfined
  std::optional<SeccompConfig> seccomp;
  std::string cgroups_path;
  Resources resources;
  std::string rootfs_propagation;  // "shared", "slave", "private", "unbindable" or with an "r" in front
  std::string mount_label;
  std::optional<Personality> personality;
  std::optional<IntelRdt> intel_rdt;
  std::map<std::string, std::string> annotations;
  bool operator==(const RuntimeConfig&) const = default;
};

/// The entry of this kind; null: the container shares the runtime's.
const RuntimeNamespace* find_namespace(const RuntimeConfig& config, Namespace kind);

/// The defaults of podman and docker: mounts (/proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys,
/// /sys/fs/cgroup), masked and read-only paths, the 11 default capabilities, RLIMIT_NOFILE (never above this
/// process's own hard limit), PATH when the image's env has none; TERM is for whoever gives it a terminal.
/// uid/gid stay 0: names are looked up in the rootfs by run/user_lookup.
RuntimeConfig default_runtime_config(const ImageConfig& image);
const std::vector<std::string>& default_capabilities();

}  // namespace ecrin::oci
