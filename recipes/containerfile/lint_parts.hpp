// The parts of the linter: the file as a whole, and what happens in each stage.
#pragma once

#include "recipes/containerfile/lint.hpp"
#include "recipes/containerfile/lower_parts.hpp"

namespace ecrin::recipes::containerfile {

struct Lint {
  Lowering& all;  // its stages and global arguments
  const LintOptions& options;
  LintCollector collector;
  std::set<std::string, std::less<>> global_args =
      {};                               // declared before the first FROM, also without a value
  std::vector<std::string> bases = {};  // what each stage begins with, by its text
  std::size_t suggestions = 100;        // that are still looked for: the first ones are read
};

/// A word with its variables filled in, and which they were.
struct LintedWord {
  std::string text;
  std::vector<std::string> words;
  std::set<std::string, std::less<>> known;
  std::set<std::string, std::less<>> unknown;
};
Result<LintedWord> expand_for_lint(Lint& lint, const Word& word, const VariableLookup& lookup,
                                   bool quotes = true);

/// " (did you mean 'NAME'?)" among variables, however they are written; "" where no finding of the rule is
/// kept.
std::string suggest_variable(Lint& lint, std::string_view rule, std::string_view name,
                             std::initializer_list<const Variables*> candidates);
/// "# check=skip=RULE" right above an instruction counts for it.
void use_comments(Lint& lint, const Instruction& instruction);

/// Rules about instructions of stages.
Result<> lint_stages(Lint& lint);

}  // namespace ecrin::recipes::containerfile
