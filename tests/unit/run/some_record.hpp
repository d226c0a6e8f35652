// A container's record with something in each member.
#pragma once

#include <string>

#include "run/runtime_record.hpp"

namespace ecrin::run {

inline ContainerRecord record_of(const std::string& id) {
  return {.id = id,
          .process = {.pid = 42, .start_time = 4711, .boot = "b"},
          .bundle = "/b",
          .rootfs = "/b/rootfs",
          .created = "2026-01-31T12:00:00.5Z",
          .owner = 1000,
          .annotations = {{"a.b", "c\n"}},
          .cgroup = {},
          .own_pid_namespace = false,
          .late_hooks = true};
}

}  // namespace ecrin::run
