// A build that stops at a step: the recipe is cut there, and what is left is a recipe like others. Pure.
#pragma once

#include <string>
#include <string_view>

#include "recipes/recipe.hpp"

namespace ecrin::build {

struct CutRecipe {
  recipes::Recipe recipe;
  std::string target;  // the stage that ends with the wanted step
};
/// `until` is one of
///   7               the step that progress calls 7 when `target` is built
///   :12, FILE:12    the step that stands in line 12 of the recipe, or begins before it
///   STAGE           the last step of a stage
///   STAGE:3         its third step; `from` is the first
Result<CutRecipe> cut_recipe(const recipes::Recipe& recipe, const std::string& target,
                             std::string_view until);

}  // namespace ecrin::build
