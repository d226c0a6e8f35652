#include "oci/runtime_features.hpp"

#include <nlohmann/json.hpp>

#include "oci/runtime_config_parts.hpp"

namespace ecrin::oci {

namespace {

Json enabled(bool value) {
  return {{"enabled", value}};
}

Json seccomp_features_json(const std::optional<SeccompFeatures>& seccomp) {
  if (!seccomp) return enabled(false);
  return {{"enabled", true},
          {"actions", seccomp->actions},
          {"operators", seccomp->operators},
          {"archs", seccomp->architectures},
          {"knownFlags", seccomp->known_flags},
          {"supportedFlags", seccomp->supported_flags}};
}

}  // namespace

std::string runtime_features_json(const RuntimeFeatures& features) {
  const CgroupFeatures& cgroup = features.cgroup;
  const Json json = {{"ociVersionMin", "1.0.0"},
                     {"ociVersionMax", RuntimeConfig().version},
                     {"hooks", hook_names()},
                     {"mountOptions", features.mount_options},
                     {"linux",
                      {{"namespaces", namespace_names()},
                       {"capabilities", features.capabilities},
                       {"cgroup",
                        {{"v1", cgroup.v1},
                         {"v2", cgroup.v2},
                         {"systemd", cgroup.systemd},
                         {"systemdUser", cgroup.systemd_user},
                         {"rdma", cgroup.rdma}}},
                       {"seccomp", seccomp_features_json(features.seccomp)},
                       {"apparmor", enabled(features.apparmor)},
                       {"selinux", enabled(features.selinux)},
                       {"intelRdt", enabled(features.intel_rdt)},
                       {"mountExtensions", {{"idmap", enabled(features.idmapped_mounts)}}}}}};
  return dump_json_pretty(json);
}

}  // namespace ecrin::oci
