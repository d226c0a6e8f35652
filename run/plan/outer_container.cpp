#include "run/plan/outer_container.hpp"

#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace ecrin::run {
namespace {

bool exists(const char* path) {
  return ::access(path, F_OK) == 0;
}

struct Words {
  OuterNeed need;
  std::string_view podman, docker, kubernetes;
};

constexpr Words k_words[] = {
    {OuterNeed::user_namespaces, "podman run --security-opt seccomp=unconfined",
     "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined",
     "securityContext: {seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}}"},
    {OuterNeed::new_proc, "podman run --security-opt unmask=ALL",
     "docker run --security-opt systempaths=unconfined",
     "hostUsers: false in the pod and securityContext: {procMount: Unmasked} in the container"},
    {OuterNeed::new_privileges, "podman run without --security-opt no-new-privileges",
     "docker run without --security-opt no-new-privileges",
     "securityContext: {allowPrivilegeEscalation: true}"},
    {OuterNeed::fuse, "podman run --device /dev/fuse", "docker run --device /dev/fuse",
     "a device plugin that gives the pod /dev/fuse"},
    {OuterNeed::tun, "podman run --device /dev/net/tun", "docker run --device /dev/net/tun",
     "a device plugin that gives the pod /dev/net/tun"},
};

}  // namespace

OuterContainer find_outer_container() {
  // The most particular first: a pod's container is one of docker or CRI-O too.
  if (exists("/run/secrets/kubernetes.io") || exists("/var/run/secrets/kubernetes.io"))
    return OuterContainer::kubernetes;
  if (exists("/run/.containerenv")) return OuterContainer::podman;
  if (exists("/.dockerenv")) return OuterContainer::docker;
  // Pods without a service account, containerd, LXC: the root directory is what the tools share.
  struct statfs root {};
  if (::statfs("/", &root) == 0 && root.f_type == OVERLAYFS_SUPER_MAGIC) return OuterContainer::unknown;
  return exists("/run/systemd/container") ? OuterContainer::unknown : OuterContainer::none;
}

std::string outer_container_fix(OuterContainer outer, OuterNeed need) {
  for (const Words& words : k_words) {
    if (words.need != need) continue;
    switch (outer) {
      case OuterContainer::podman:
        return fmt::format("for the outer container: {} ...", words.podman);
      case OuterContainer::docker:
        return fmt::format("for the outer container: {} ...", words.docker);
      case OuterContainer::kubernetes:
        return fmt::format("for the outer container: {}", words.kubernetes);
      case OuterContainer::none:
      case OuterContainer::unknown:
        break;
    }
    return fmt::format(
        "for the outer container: {} ... (ecrin run takes the same flags), {} ..., in Kubernetes {}",
        words.podman, words.docker, words.kubernetes);
  }
  return "";
}

std::string device_fix(OuterContainer outer, OuterNeed device, int code) {
  if (outer != OuterContainer::none) return outer_container_fix(outer, device);
  const bool is_fuse = device == OuterNeed::fuse;
  const std::string_view module = is_fuse ? "fuse" : "tun";
  const std::string_view path = is_fuse ? "/dev/fuse" : "/dev/net/tun";
  if (code == ENOENT || code == ENODEV)
    return fmt::format("modprobe {} && chmod 666 {} (as root)", module, path);
  return fmt::format("chmod 666 {} (as root)", path);
}

}  // namespace ecrin::run
