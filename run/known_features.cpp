#include "run/known_features.hpp"

#include "run/capabilities.hpp"

namespace ecrin::run {

oci::RuntimeFeatures known_features() {
  const std::vector<std::string> all = {"ALL"};
  const auto capabilities = parse_capabilities(all);
  oci::RuntimeFeatures features;
  features.mount_options = {"async",         "atime",        "bind",
                            "defaults",      "dev",          "diratime",
                            "dirsync",       "exec",         "idmap",
                            "iversion",      "lazytime",     "loud",
                            "mand",          "noatime",      "nodev",
                            "nodiratime",    "noexec",       "noiversion",
                            "nolazytime",    "nomand",       "norelatime",
                            "nostrictatime", "nosuid",       "nosymfollow",
                            "private",       "ratime",       "rbind",
                            "rdev",          "rdiratime",    "relatime",
                            "remount",       "rexec",        "ridmap",
                            "rnoatime",      "rnodev",       "rnodiratime",
                            "rnoexec",       "rnorelatime",  "rnostrictatime",
                            "rnosuid",       "rnosymfollow", "ro",
                            "rprivate",      "rrelatime",    "rro",
                            "rrw",           "rshared",      "rslave",
                            "rstrictatime",  "rsuid",        "rsymfollow",
                            "runbindable",   "rw",           "shared",
                            "silent",        "slave",        "strictatime",
                            "suid",          "symfollow",    "sync",
                            "tmpcopyup",     "unbindable"};
  if (capabilities) features.capabilities = capability_names(*capabilities);
  features.cgroup = {.v1 = true, .v2 = true, .systemd = true, .systemd_user = true, .rdma = true};
  features.seccomp = oci::SeccompFeatures{
      .actions = {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
                  "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE",
                  "SCMP_ACT_TRAP"},
      .operators = {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT",
                    "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"},
      .architectures = {"SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"},
      .known_flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                      "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"},
      .supported_flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                          "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}};
  features.apparmor = true;
  features.selinux = true;
  features.idmapped_mounts = true;
  return features;
}

}  // namespace ecrin::run
