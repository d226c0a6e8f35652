// A container in the foreground, from a request to the program's exit code: for `ecrin run` and `ecrin
// shell`.
#pragma once

#include "cli/container_request.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

/// `arguments` say how an image that is missing is pulled.
Outcome run_in_foreground(Session& session, const ContainerRequest& request, const Arguments& arguments);

}  // namespace ecrin::cli
