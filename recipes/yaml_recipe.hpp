// YAML text to a Recipe (docs/recipes.md has the language). No side effects: nothing is read but the text.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes {

struct ParseOptions {
  std::string file;  // for messages
  std::map<std::string, std::string>
      args;                               // --build-arg; a name that the recipe does not declare is an error
  std::optional<oci::Platform> platform;  // --platform, for ${TARGETPLATFORM} and its parts; none: the host's
};

/// The first error is returned, rendered as file:line:column, message, source line and caret
/// (recipes/diagnostics.hpp). Bounds: 1 MiB of text, 100 levels, 100,000 nodes after aliases.
Result<Recipe> parse_yaml_recipe(std::string_view text, const ParseOptions& options);

}  // namespace ecrin::recipes
