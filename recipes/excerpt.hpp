// A step as it stands in its file, with the lines around it: for the message when it fails.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "recipes/recipe.hpp"

namespace ecrin::recipes {

struct ExcerptLine {
  int number = 0;
  bool marked = false;  // one of the step's own
  std::string text;     // printable; "..." with number 0 where lines are left out
};

/// `text` is what `recipe` was read from. Empty where the step has no place in it. A long step is cut in its
/// middle.
std::vector<ExcerptLine> excerpt(std::string_view text, const Recipe& recipe, const Location& step);

/// ">>>   7 |   - run: make", as lines.
std::vector<std::string> format_excerpt(const std::vector<ExcerptLine>& lines);

}  // namespace ecrin::recipes
