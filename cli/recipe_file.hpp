// Which recipe `ecrin build` builds, in which language it is written, and how it becomes a Recipe: what can
// be wrong with its text comes out before the store is opened; what depends on images comes after that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "build/build.hpp"
#include "recipes/containerfile/lower.hpp"
#include "recipes/containerfile/syntax.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::cli {

enum class RecipeLanguage { yaml, containerfile };

struct RecipeSource {
  std::string name;                     // for messages: as the user wrote it; "-" is standard input
  std::string path;                     // "" = standard input
  std::string context_directory;        // absolute
  std::vector<std::string> also_there;  // other recipes in the context, which were not asked for
};
/// PATH a file: that recipe, with its directory as context. PATH a directory: the context, with the recipe
/// `file`, else the first of Containerfile, Dockerfile, dockerfile, recipe.yaml
/// and ecrin.yaml in it.
Result<RecipeSource> find_recipe(const std::string& file, const std::string& path);

/// By its name; none: only the content can tell.
std::optional<RecipeLanguage> language_of_recipe(std::string_view path);

struct RecipeText {
  std::string file;  // for messages
  std::string text;
  RecipeLanguage language = RecipeLanguage::yaml;
};
/// The text of a recipe (standard input for no path).
Result<RecipeText> read_recipe(const RecipeSource& source);
/// The same for a text that is here already.
Result<RecipeText> recipe_text(const RecipeSource& source, std::string text);
bool looks_like_containerfile(std::string_view text);

struct RecipeRequest {
  std::map<std::string, std::string> args;  // --build-arg
  std::string target;
  std::optional<oci::Platform> platform;
  std::optional<std::int64_t> epoch;  // of the surroundings
};

/// A recipe with what was said on the command line; of a Containerfile the syntax only.
struct ParsedRecipe {
  RecipeText source;
  RecipeRequest request;
  std::optional<recipes::Recipe> recipe;  // YAML: all of it
  std::optional<recipes::containerfile::Containerfile> containerfile;
};
Result<ParsedRecipe> parse_recipe(RecipeText source, RecipeRequest request);

struct FinishedRecipe {
  recipes::Recipe recipe;
  std::string target;                          // of its stages
  std::map<std::string, std::string> proxies;  // given as build arguments
  std::vector<std::string> notes;
  std::vector<std::string> remarks;  // for those who read everything
  std::vector<recipes::containerfile::UndefinedVariable> undefined;
};
/// Asks for the bases of a Containerfile, whose settings decide what its variables mean.
Result<FinishedRecipe> finish_recipe(const ParsedRecipe& parsed, build::Workshop& workshop,
                                     const build::BuildOptions& build, const CancelToken& cancel);

/// Answers a question asked again without asking anybody.
build::ImageObtainer remembering(build::ImageObtainer obtain_image);

}  // namespace ecrin::cli
