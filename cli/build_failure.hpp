// A build that failed: what is told of it, and what --on-failure has done with the step that was kept.
#pragma once

#include <string>

#include "build/build.hpp"
#include "cli/arguments.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

struct BuildFailure {
  Error error;
  FailurePlace place;
  build::FailedStep step;
};

/// Tells the failure once, with the command that opens the step again when it was kept. `wanted` is "keep",
/// "shell", or a command that is run in the step. The exit code is the step's own, as `make` in a script
/// would give it, whatever the shell or the command made of it.
Outcome tell_failure(Session& session, build::Workshop& workshop, Progress& progress, BuildFailure failure,
                     const std::string& wanted, const build::BuildOptions& options,
                     const CancelToken& cancel);

}  // namespace ecrin::cli
