// The container that this program runs in, if it does: what it has to be started with is said in the words of
// the tool that starts it.
#pragma once

#include <string>

namespace ecrin::run {

enum class OuterContainer { none, podman, docker, kubernetes, unknown };

/// By the files that the tools leave in their containers.
OuterContainer find_outer_container();

enum class OuterNeed {
  user_namespaces,  // a system call filter without holes
  new_proc,         // a /proc of which nothing is hidden
  new_privileges,   // newuidmap may become root
  fuse,             // /dev/fuse
  tun,              // /dev/net/tun
};
/// What the outer container has to be started with. Where it left no trace, what there may be.
std::string outer_container_fix(OuterContainer outer, OuterNeed need);

/// For a device node (fuse, tun) that could not be used, with the errno of the attempt.
std::string device_fix(OuterContainer outer, OuterNeed device, int code);

}  // namespace ecrin::run
