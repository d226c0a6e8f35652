// The linter of YAML recipes. It sees what the text means: no variable is left in it, and what is wrong in
// it was refused before.
#pragma once

#include "recipes/lint.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// `source` is the text that the recipe was read from.
Result<LintReport> lint_yaml(const Recipe& recipe, const SourceText& source, const LintOptions& options);

/// Which rules count: "# check=..." among the comments at the top, unless a build argument says it.
Result<LintSettings> yaml_lint_settings(const SourceText& source,
                                        const std::map<std::string, std::string>& args);

}  // namespace ecrin::recipes
