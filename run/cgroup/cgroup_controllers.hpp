// Handing controllers on to the cgroups below one (version 2).
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace ecrin::run {

/// What is needed must be had; cpu, memory and the like are handed on as well where they can be, for
/// statistics and later updates. Returns those that were not handed on before.
Result<std::vector<std::string>> enable_controllers(const std::string& directory,
                                                    const std::vector<std::string>& needed);

}  // namespace ecrin::run
