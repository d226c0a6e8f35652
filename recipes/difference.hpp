// Do two recipes make the same image? They may say it in different words, and in different languages.
#pragma once

#include <optional>
#include <string>

#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// The first thing in which the images of `b` would differ from those of `a`, as words for people; empty:
/// nothing. Names of stages, places in the text and the way in which a command is written do not count. `b`
/// may give a RUN more arguments as variables than `a` does: they are not part of the image.
std::optional<std::string> difference(const Recipe& a, const Recipe& b);

}  // namespace ecrin::recipes
