// Hooks (runtime-spec, config.md "POSIX-platform Hooks"): programs that are run at points of a container's
// life, with its state as JSON on their stdin.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "run/hook_process.hpp"

namespace ecrin::run {

/// The container's state as JSON for a status ("creating", "created", "running", "stopped") and pid (0: there
/// is no process).
using StateText = std::function<std::string(std::string_view status, pid_t pid)>;

/// For poststart and poststop, whose failures stop nothing: all are run, what fails is a warning.
void run_late_hooks(const std::vector<oci::Hook>& hooks, std::string_view kind, const std::string& state);

}  // namespace ecrin::run
