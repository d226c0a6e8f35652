// A Recipe as the text of a YAML recipe (docs/recipes.md).
#pragma once

#include <string>

#include "base/error.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// Symbols (recipes/symbols) in its texts become ${NAME}; `args` of the recipe are declared with their
/// values. What YAML cannot say is found out by reading it back.
std::string write_recipe_yaml(const Recipe& recipe);

}  // namespace ecrin::recipes
