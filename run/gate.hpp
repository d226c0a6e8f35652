// The gate: where a created container waits until somebody starts it. A listening socket ("gate") in the
// container's state directory, made by who creates the container and held by the stage. The connection that
// says "start" becomes the stage's control socket, so who starts the container gets its errors.
#pragma once

#include <vector>

#include "base/fd.hpp"
#include "run/plan/namespace_plan.hpp"

namespace ecrin::run {

constexpr const char* k_gate_name = "gate";

/// The listening socket in this directory, of which a rest may be there. The directory must be closed to
/// others.
Result<Fd> make_gate(const Fd& state_directory);

/// Starts the container: returns when its program was executed, or with the reason why not (kinds as in
/// Container::start). A container that waits at no gate is a conflict. Removes the gate.
Result<> open_gate(const Fd& state_directory);

/// What another program needs to get into a container that waits. Its first process is the stage, which lets
/// nobody look into it (by /proc), and gives this to who reaches the gate.
struct Entrance {
  std::vector<OpenNamespace> namespaces;
  Fd root;
};
Result<Entrance> ask_at_gate(const Fd& state_directory);

}  // namespace ecrin::run
