// `ecrin build --call`: instead of a build, what can be said of the recipe (docker's words).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/recipe_file.hpp"

namespace ecrin::cli {

enum class CallMethod { build, check, outline, targets };
struct Call {
  CallMethod method = CallMethod::build;
  std::string format;  // "json", or "" = for people
};
/// "outline", "targets,format=json": all that there are.
std::vector<std::string_view> call_words();
/// One of them.
Call parse_call(std::string_view word);

/// The stages that can be built.
Result<> print_targets(const ParsedRecipe& parsed, const std::string& format);
/// What the target takes: arguments, secrets, ssh-agents, caches.
Result<> print_outline(const ParsedRecipe& parsed, const std::string& format);

}  // namespace ecrin::cli
