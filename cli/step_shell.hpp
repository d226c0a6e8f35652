// A program, or a shell at the terminal, in a build step that failed and was kept: for `ecrin debug` and
// `ecrin build --on-failure`.
#pragma once

#include <string>
#include <vector>

#include "build/reopen_step.hpp"
#include "cli/arguments.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

/// "step 3 of stage 'main' (recipe.yaml:7), which failed with exit status 2"
std::string describe(const build::KeptStep& step);

/// Its exit code. `options` gives secrets. Standard streams are the program's; it has a terminal when ecrin
/// has one. While it runs, signals are the program's.
Outcome enter_step(Session& session, build::Workshop& workshop, const build::KeptStep& step,
                   const build::BuildOptions& options, const std::vector<std::string>& command,
                   const CancelToken& cancel);

/// Are input and output terminals?
bool has_terminal();

}  // namespace ecrin::cli
