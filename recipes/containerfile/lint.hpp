// The linter of Containerfiles: all stages, also those that a build would leave alone; with a target, what
// those do that it does not need is left out, as docker does it. Looks at the text only: which variables a
// base image sets is unknown to it, but for PATH.
#pragma once

#include "recipes/containerfile/syntax.hpp"
#include "recipes/lint.hpp"

namespace ecrin::recipes::containerfile {

/// An error is one that a build would end with too: a variable that cannot be expanded, settings that are
/// none.
Result<LintReport> lint(const Containerfile& file, const SourceText& source, const LintOptions& options);

/// Which rules count: the directive's, unless a build argument says it.
Result<LintSettings> lint_settings(const Containerfile& file, const SourceText& source,
                                   const std::map<std::string, std::string>& args);

}  // namespace ecrin::recipes::containerfile
