// Symbols: texts that stand for the values of arguments while a recipe is converted from one language to the
// other. A recipe that is read with symbols as the values of its arguments shows where they went; a writer
// then writes the argument's name there.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// Letters and digits only, so that it may stand in names of images and paths too.
std::string symbol_of(std::string_view argument);

/// A text cut at its symbols.
struct SymbolPiece {
  std::string text;  // of an argument its name
  bool is_argument = false;
};
std::vector<SymbolPiece> cut_at_symbols(std::string_view text);

/// All symbols in the recipe's texts become these values.
Recipe with_values(Recipe recipe, const std::map<std::string, std::string>& values);

}  // namespace ecrin::recipes
