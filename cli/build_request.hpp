// From the words of `ecrin build` to what the engine takes: which recipe, which context, which options.
#pragma once

#include <string>
#include <string_view>

#include "build/build.hpp"
#include "cli/arguments.hpp"
#include "cli/environment.hpp"

namespace ecrin::cli {

struct RecipeSource {
  std::string name;               // for messages: as the user wrote it; "-" is standard input
  std::string path;               // "" = standard input
  std::string context_directory;  // absolute
};
/// PATH a file: that recipe, with its directory as context. PATH a directory: the context, with the recipe
/// `file`, else recipe.yaml or ecrin.yaml in it. A Containerfile is refused with one sentence.
Result<RecipeSource> find_recipe(const std::string& file, const std::string& path);
/// The text of a recipe (standard input for no path), refused when it is plainly a Containerfile.
Result<std::string> read_recipe(const RecipeSource& source);
bool looks_like_containerfile(std::string_view text);

/// "id=X,src=F", "id=X,env=V".
Result<build::Secret> parse_secret(std::string_view text, const Environment& environment);
/// K=V, or K with the value of the environment.
Result<std::map<std::string, std::string>> parse_build_args(const std::vector<std::string>& texts,
                                                            const Environment& environment);
/// "default", "ID", "ID=SOCKET", "ID=KEY,KEY".
Result<build::SshAgent> parse_ssh(std::string_view text, const Environment& environment);
Result<run::NetworkMode> parse_network(std::string_view name);

/// All but the recipe's part; `now` in seconds.
Result<build::BuildOptions> build_options(const Arguments& arguments, const Environment& environment,
                                          std::int64_t now);

}  // namespace ecrin::cli
