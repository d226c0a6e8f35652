// The gate: where a created container waits until somebody starts it. A listening socket ("gate") in the
// container's state directory, made by who creates the container and held by the stage. The connection that
// says "start" becomes the stage's control socket, so who starts the container gets its errors.
#pragma once

#include "base/fd.hpp"

namespace ecrin::run {

constexpr const char* k_gate_name = "gate";

/// The listening socket in this directory, of which a rest may be there. The directory must be closed to
/// others.
Result<Fd> make_gate(const Fd& state_directory);

/// Starts the container: returns when its program was executed, or with the reason why not (kinds as in
/// Container::start). A container that waits at no gate is a conflict. Removes the gate.
Result<> open_gate(const Fd& state_directory);

/// Does a container wait there? Asks without starting it.
bool waits_at_gate(const Fd& state_directory);

}  // namespace ecrin::run
