#include "run/plan/outer_container.hpp"

#include <cerrno>

#include "tests/support/catch.hpp"

using namespace ecrin::run;

TEST_CASE("what an outer container needs is said in the words of its tool") {
  const auto says = [](OuterContainer outer, OuterNeed need, const char* words) {
    return outer_container_fix(outer, need).find(words) != std::string::npos;
  };
  CHECK(says(OuterContainer::docker, OuterNeed::user_namespaces,
             "docker run --security-opt seccomp=unconfined"));
  CHECK(says(OuterContainer::kubernetes, OuterNeed::user_namespaces, "seccompProfile: {type: Unconfined}"));
  CHECK(says(OuterContainer::podman, OuterNeed::new_proc, "unmask=ALL"));
  CHECK(says(OuterContainer::kubernetes, OuterNeed::new_proc, "procMount: Unmasked"));
  CHECK(says(OuterContainer::kubernetes, OuterNeed::new_privileges, "allowPrivilegeEscalation: true"));
  // It left no trace: all that it may be.
  for (const char* words : {"podman run", "docker run", "Kubernetes"})
    CHECK(says(OuterContainer::unknown, OuterNeed::fuse, words));
}

TEST_CASE("a device that is missing is a module on a host, and a flag in a container") {
  CHECK(device_fix(OuterContainer::none, OuterNeed::fuse, ENOENT) ==
        "modprobe fuse && chmod 666 /dev/fuse (as root)");
  CHECK(device_fix(OuterContainer::none, OuterNeed::tun, EACCES) == "chmod 666 /dev/net/tun (as root)");
  CHECK(device_fix(OuterContainer::docker, OuterNeed::tun, ENOENT) ==
        "for the outer container: docker run --device /dev/net/tun ...");
}
