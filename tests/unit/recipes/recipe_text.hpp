// A Recipe as text, with every value in it: what the golden files of good recipes hold.
#pragma once

#include <string>

#include "recipes/recipe.hpp"

namespace ecrin::recipes {

std::string recipe_text(const Recipe& recipe);

}  // namespace ecrin::recipes
