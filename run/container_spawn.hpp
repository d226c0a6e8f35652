// The clone that makes a container's first process: the stage, in new namespaces.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/child.hpp"
#include "base/fd.hpp"

namespace ecrin::run {

struct SpawnRequest {
  const Fd* program = nullptr;               // a static executable
  std::uint64_t namespaces = 0;              // CLONE_NEW*
  const Fd* network_namespace = nullptr;     // to join
  const std::vector<Fd>* cgroups = nullptr;  // cgroup.procs of those to join
  std::vector<std::pair<int, int>> moved;    // (ours, its number); ours are all above the numbers
  std::vector<int> kept;                     // the same number there
};

/// Starts the program and returns when it was executed, or with the reason why not.
Result<Child> spawn_in_namespaces(const SpawnRequest& request);

}  // namespace ecrin::run
