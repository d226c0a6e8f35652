// The execution of one hook; in the stage too, which has those that run in the container.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "oci/runtime_config.hpp"

namespace ecrin::run {

/// Runs it with the state on its stdin until it ends. Its failure has the end of what it wrote to stderr.
Result<> run_hook(const oci::Hook& hook, std::string_view kind, const std::string& state);

}  // namespace ecrin::run
