// The flags of `ecrin build`: its own, those of run steps, caches and registries, and those that scripts pass
// to other tools.
#pragma once

#include <vector>

#include "cli/arguments.hpp"

namespace ecrin::cli {

std::vector<Flag> build_flags();

}  // namespace ecrin::cli
