// A new container, from a request to its start or its end: for `ecrin run` and `ecrin shell`.
#pragma once

#include "cli/container_request.hpp"
#include "cli/containers/create.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

/// The exit code is the program's. `arguments` say how an image that is missing is pulled.
Outcome run_in_foreground(Session& session, const ContainerRequest& request, const Arguments& arguments,
                          Program program = Program::of_image);
/// Prints the ID.
Outcome run_in_background(Session& session, const ContainerRequest& request, const Arguments& arguments);

/// What a program's end means for `ecrin run` and `ecrin start --attach`.
Outcome attached_outcome(Session& session, int code, bool out_of_memory, const oci::Resources& resources);

}  // namespace ecrin::cli
