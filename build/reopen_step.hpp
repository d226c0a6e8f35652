// A program in a RUN step that failed: on the tree as the step left it, with the step's environment, mounts,
// user and network. What the program changes is thrown away, so that the step can be opened again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "build/build.hpp"
#include "build/kept_steps.hpp"
#include "run/container.hpp"

namespace ecrin::build {

struct ReopenRequest {
  std::vector<std::string> command;  // empty: an interactive shell, the step's own
  /// Secrets, ssh-agents and proxies that the caller has now, and settings on top of those that the step had;
  /// the step's own network and context stay.
  BuildOptions options;
  std::function<Result<>(run::ContainerOptions&)> prepare;
  std::function<Result<ExitStatus>(run::Container&)> attend;
  std::function<void(const std::string&)> note;  // what is not as it was
};
Result<ExitStatus> reopen_step(Workshop& workshop, const KeptStep& step, const ReopenRequest& request,
                               const CancelToken& cancel);

}  // namespace ecrin::build
