// The linter of YAML recipes. It sees what the text means: no variable is left in it, and what is wrong in
// it was refused before.
#pragma once

#include "recipes/lint.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// `source` is the text that the recipe was read from.
Result<LintReport> lint_yaml(const Recipe& recipe, const SourceText& source, const LintOptions& options);

}  // namespace ecrin::recipes
