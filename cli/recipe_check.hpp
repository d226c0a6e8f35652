// Build checks: what `ecrin build --check` prints, and what a build says of them.
#pragma once

#include <string>

#include "cli/recipe_file.hpp"
#include "recipes/lint.hpp"

namespace ecrin::cli {

/// All findings of a recipe. Reads the ignore file of the build's context, nothing else. With `finished`,
/// variables that the bases define are known.
Result<recipes::LintReport> check_recipe(const ParsedRecipe& parsed, const build::BuildOptions& build,
                                         const FinishedRecipe* finished = nullptr);

/// For people: every finding, and a line that counts them. With a format, for programs: one object a finding,
/// with docker's names where it has the thing.
Result<> print_report(const ParsedRecipe& parsed, const recipes::LintReport& report, std::string_view format);

enum class Notes { shown, unseen };
/// Before a build: its note about findings, "" for none; an error where the recipe wants that. Variables are
/// those that the bases left undefined, so this comes after they are known.
Result<std::string> note_findings(const ParsedRecipe& parsed, const build::BuildOptions& build,
                                  const FinishedRecipe& finished, Notes notes);

}  // namespace ecrin::cli
