// A Recipe as the text of a YAML recipe (docs/recipes.md).
#pragma once

#include <string>

#include "base/error.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// Symbols (recipes/symbols) in its texts become ${NAME}; `args` of the recipe are declared with their
/// values. What cannot be said in YAML is an error that names the step.
Result<std::string> write_recipe_yaml(const Recipe& recipe);

}  // namespace ecrin::recipes
