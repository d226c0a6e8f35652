// Who this program becomes, tried out in a process of its own: the same function enters that commands use.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "run/user_namespace.hpp"

namespace ecrin::run {

struct IdentityProbe {
  IdentityMode mode = IdentityMode::none;
  std::uint64_t users = 0, groups = 0;  // from 0 on without a gap
  std::string note, fix;                // of Identity
  // errno of what containers need in there; 0: it can be had
  int namespaces = 0;  // pid, mount, ipc, uts and cgroup namespaces
  int network = 0;     // a network namespace
  int proc = 0;        // a new procfs
};
/// The error is the one that commands end with. Call while single-threaded.
Result<IdentityProbe> probe_identity(const IdentityRequest& request);

}  // namespace ecrin::run
