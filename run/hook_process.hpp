// The execution of hooks; in the stage too, which has those that run in the container.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::run {

/// Runs it with the state on its stdin until it ends. Its failure has the end of what it wrote to stderr.
/// `name`: "prestart hook #0". A hook that names no variables has `environment`; nullptr: this process's own
/// (the stage has none).
Result<> run_hook(const oci::Hook& hook, std::string_view name, const std::string& state,
                  const std::vector<std::string>* environment = nullptr);

/// Runs them in order, here. One that fails, or runs longer than its timeout, is an error that names it and
/// ends the sequence. `kind`: "prestart", "createRuntime", ...
Result<> run_hooks(const std::vector<oci::Hook>& hooks, std::string_view kind, const std::string& state,
                   const std::vector<std::string>* environment = nullptr);

}  // namespace ecrin::run
