#include "cli/recipe_file.hpp"

#include <algorithm>
#include <memory>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/base_image.hpp"
#include "cli/environment.hpp"
#include "cli/standard_streams.hpp"
#include "recipes/yaml_recipe.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_recipe_names[] = {"Containerfile", "Dockerfile", "dockerfile", "recipe.yaml",
                                               "ecrin.yaml"};
// What the parsers take.
constexpr std::uint64_t k_yaml_limit = std::uint64_t{1} << 20;
constexpr std::uint64_t k_containerfile_limit = std::uint64_t{4} << 20;

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::vector<std::string>> recipes_in(const std::string& directory) {
  const Fd context = TRY(posix::open(directory, O_PATH | O_DIRECTORY));
  std::vector<std::string> found;
  for (const std::string_view name : k_recipe_names) {
    if (TRY(posix::exists_at(context, std::string(name))) == posix::Exists::yes) found.emplace_back(name);
  }
  if (!found.empty()) return found;
  const std::vector<std::string> names(std::begin(k_recipe_names), std::end(k_recipe_names) - 1);
  return std::unexpected(
      Error(ErrorKind::not_found, fmt::format("there is no {} or {} in '{}'", join(names, ", "),
                                              *std::rbegin(k_recipe_names), printable(directory)))
          .hint("name the recipe: ecrin build -f FILE, or ecrin build FILE"));
}

RecipeSource make_source(std::string name, std::string path, std::string context) {
  return {.name = std::move(name),
          .path = std::move(path),
          .context_directory = std::move(context),
          .also_there = {}};
}

}  // namespace

std::optional<RecipeLanguage> language_of_recipe(std::string_view path) {
  const std::string name = to_lower(path.substr(path.rfind('/') + 1));
  if (name.ends_with(".yaml") || name.ends_with(".yml")) return RecipeLanguage::yaml;
  if (name.starts_with("containerfile") || name.starts_with("dockerfile") || name.ends_with(".dockerfile") ||
      name.ends_with(".containerfile")) {
    return RecipeLanguage::containerfile;
  }
  return std::nullopt;
}

bool looks_like_containerfile(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (const std::string& raw : split(text.substr(0, std::size_t{64} * 1024), '\n')) {
    const std::string_view line = trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    const std::string lower = to_lower(line.substr(0, 5));
    // "from:" is a recipe's; "FROM x" and "ARG x" begin every Containerfile.
    return lower == "from " || lower == "from\t" || lower.starts_with("arg ") || lower.starts_with("arg\t");
  }
  return false;
}

Result<RecipeSource> find_recipe(const std::string& file, const std::string& path) {
  const std::string place = TRY(absolute_path(path.empty() ? "." : path));
  const struct stat status = TRY(posix::stat_fd(TRY(posix::open(place, O_PATH))));
  if (!S_ISDIR(status.st_mode)) {
    if (!file.empty()) {
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("with -f, '{}' must be a directory", printable(path)))
              .hint("it is the context that files are copied from"));
    }
    return make_source(path, place, parent_of(place));
  }
  if (file == "-") return make_source("-", "", place);
  if (!file.empty()) {
    // Where it stands for the user, else in the context: as docker and podman look for it.
    const std::string here = TRY(absolute_path(file));
    const Fd context = TRY(posix::open(place, O_PATH | O_DIRECTORY));
    if (!posix::open(here, O_PATH) && !file.starts_with('/') &&
        TRY(posix::exists_at(context, file)) == posix::Exists::yes) {
      return make_source(file, place + "/" + file, place);
    }
    return make_source(file, here, place);
  }
  std::vector<std::string> names = TRY(recipes_in(place));
  const bool here = path.empty() || path == ".";
  const std::string shown = here ? names[0] : path + (path.ends_with('/') ? "" : "/") + names[0];
  RecipeSource source = make_source(shown, place + "/" + names[0], place);
  source.also_there.assign(names.begin() + 1, names.end());
  return source;
}

Result<RecipeText> recipe_text(const RecipeSource& source, std::string text) {
  RecipeText result{.file = source.name == "-" ? "standard input" : source.name, .text = std::move(text)};
  result.language = language_of_recipe(source.name)
                        .value_or(looks_like_containerfile(result.text) ? RecipeLanguage::containerfile
                                                                        : RecipeLanguage::yaml);
  if (result.language == RecipeLanguage::yaml && result.text.size() > k_yaml_limit)
    return fail(ErrorKind::limit, "'{}' is larger than 1 MiB", printable(result.file));
  return result;
}

Result<RecipeText> read_recipe(const RecipeSource& source) {
  if (!source.path.empty())
    return recipe_text(source, TRY(posix::read_file(source.path, k_containerfile_limit)));
  return recipe_text(source, TRY_WHILE(posix::read_fd(TRY(standard_stream(0)), k_containerfile_limit),
                                       "reading the recipe from standard input"));
}

Result<ParsedRecipe> parse_recipe(RecipeText source, RecipeRequest request) {
  ParsedRecipe parsed{.source = std::move(source), .request = std::move(request)};
  const RecipeText& text = parsed.source;
  if (text.language == RecipeLanguage::yaml) {
    std::map<std::string, std::string> args = parsed.request.args;
    args.erase("BUILDKIT_DOCKERFILE_CHECK");  // it is for the build checks, and no recipe declares it
    parsed.recipe = TRY(recipes::parse_yaml_recipe(
        text.text, {.file = text.file, .args = std::move(args), .platform = parsed.request.platform}));
  } else {
    parsed.containerfile =
        TRY(recipes::containerfile::parse_containerfile(recipes::SourceText(text.file, text.text)));
  }
  return parsed;
}

Result<FinishedRecipe> finish_recipe(const ParsedRecipe& parsed, build::Workshop& workshop,
                                     const build::BuildOptions& build, const CancelToken& cancel) {
  if (parsed.recipe)
    return FinishedRecipe{.recipe = *parsed.recipe,
                          .target = parsed.request.target,
                          .proxies = {},
                          .notes = {},
                          .remarks = {},
                          .undefined = {}};
  recipes::containerfile::LowerOptions options{.file = parsed.source.file,
                                               .args = parsed.request.args,
                                               .host_args = {},
                                               .target = parsed.request.target,
                                               .platform = parsed.request.platform,
                                               .base_config = {},
                                               .is_replaced = {}};
  if (parsed.request.epoch) options.host_args["SOURCE_DATE_EPOCH"] = std::to_string(*parsed.request.epoch);
  options.base_config = [&](const std::string& name,
                            const oci::Platform& platform) -> Result<oci::ImageConfig> {
    const auto image = TRY(build::find_base_image(workshop, build, name, platform, cancel));
    return image ? image->config : oci::ImageConfig{};
  };
  options.is_replaced = [&](std::string_view name) {
    return build::find_named_context(build.named_contexts, name) != nullptr;
  };
  auto lowered = TRY(recipes::containerfile::lower(
      *parsed.containerfile, recipes::SourceText(parsed.source.file, parsed.source.text), options));
  FinishedRecipe finished{.recipe = std::move(lowered.recipe),
                          .target = {},
                          .proxies = std::move(lowered.proxies),
                          .notes = std::move(lowered.notes),
                          .remarks = std::move(lowered.remarks),
                          .undefined = std::move(lowered.undefined)};
  finished.target = finished.recipe.stages.back().name;
  return finished;
}

build::ImageObtainer remembering(build::ImageObtainer obtain_image) {
  using Known = std::map<std::pair<std::string, std::string>, oci::ImageRecord>;
  return [obtain_image = std::move(obtain_image), known = std::make_shared<Known>()](
             const std::string& name, const oci::Platform& platform,
             const CancelToken& cancel) -> Result<oci::ImageRecord> {
    const std::pair key{name, platform.to_string()};
    if (const auto found = known->find(key); found != known->end()) return found->second;
    return known->emplace(key, TRY(obtain_image(name, platform, cancel))).first->second;
  };
}

}  // namespace ecrin::cli
