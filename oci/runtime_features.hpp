// What the runtime knows, as the Features structure of the runtime-spec (features.md): engines ask for it
// before they write a config.json. It speaks of the program, not of the host.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ecrin::oci {

/// Words of "linux.seccomp".
struct SeccompFeatures {
  std::vector<std::string> actions, operators, architectures;
  std::vector<std::string> known_flags, supported_flags;
};

struct CgroupFeatures {
  bool v1 = false, v2 = false;
  bool systemd = false, systemd_user = false;
  bool rdma = false;
};

/// What only run/ can say; versions, hooks and namespaces are those that config.json is read with.
struct RuntimeFeatures {
  std::vector<std::string> mount_options;  // not those of single file systems
  std::vector<std::string> capabilities;
  CgroupFeatures cgroup;
  std::optional<SeccompFeatures> seccomp;
  bool apparmor = false;
  bool selinux = false;
  bool intel_rdt = false;
  bool idmapped_mounts = false;
};

/// For people, with a final newline.
std::string runtime_features_json(const RuntimeFeatures& features);

}  // namespace ecrin::oci
