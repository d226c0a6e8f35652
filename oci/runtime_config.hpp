// RuntimeConfig: what a container shall be, in the runtime-spec's words (config.md, config-linux.md). run/
// performs it; build/ and cli/ make it from an image config. A plain value.
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

namespace ecrin::oci {

struct RuntimeMount {
  std::string destination;           // absolute in the container
  std::string type;                  // "bind", "proc", "tmpfs", "devpts", "sysfs", "mqueue", "cgroup"
  std::string source;                // host path for bind
  std::vector<std::string> options;  // "ro", "nosuid", "rbind", "mode=1777", "size=64m", ...
};

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
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
  std::vector<std::string> capabilities;  // "CAP_CHOWN": bounding, permitted, effective (ambient never)
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = true;
};

enum class Namespace { pid, network, mount, ipc, uts, cgroup };

struct RuntimeConfig {
  RuntimeProcess process;
  bool root_read_only = false;
  std::string hostname;
  std::string domainname;
  std::vector<RuntimeMount> mounts;
  std::vector<Namespace> namespaces = {Namespace::pid, Namespace::network, Namespace::mount,
                                       Namespace::ipc, Namespace::uts,     Namespace::cgroup};
  std::vector<std::string> masked_paths;
  std::vector<std::string> read_only_paths;
  std::map<std::string, std::string> sysctl;
  bool default_seccomp = true;  // false: unconfined
  Resources resources;
  std::map<std::string, std::string> annotations;
};

/// The defaults of podman and docker: mounts (/proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys,
/// /sys/fs/cgroup), masked and read-only paths, the 11 default capabilities, RLIMIT_NOFILE (never above this
/// process's own hard limit), PATH when the image's env has none; TERM is for whoever gives it a terminal.
/// uid/gid stay 0: names are looked up in the rootfs by run/user_lookup.
RuntimeConfig default_runtime_config(const ImageConfig& image);
const std::vector<std::string>& default_capabilities();

}  // namespace ecrin::oci
