// A Recipe as the text of a Containerfile.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes::containerfile {

struct Written {
  std::string text;
  std::vector<std::string> notes;  // what a Containerfile cannot say, and `ecrin build` must be told
};

/// Symbols (recipes/symbols) in its texts become ${NAME}; `args` of the recipe are declared with their
/// values. What cannot be said in a Containerfile is an error that names the step.
Result<Written> write_containerfile(const Recipe& recipe);

}  // namespace ecrin::recipes::containerfile
