// Every recipe below bad/ is named for its fault and is refused with the diagnostic in tests/golden/recipes/;
// every one below good/ gives the recipe in tests/golden/recipes/good/. ACCEPT=1 rewrites the golden files.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.hpp"
#include "recipes/yaml_recipe.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/recipes/recipe_text.hpp"

using namespace ecrin;
using namespace ecrin::recipes;
namespace files = std::filesystem;

namespace {

const files::path k_data = ECRIN_TEST_DATA;

std::string read_file(const files::path& path) {
  std::ifstream stream(path, std::ios::binary);
  REQUIRE(stream.good());
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::set<files::path> recipes_in(const files::path& directory) {
  std::set<files::path> result;
  for (const auto& entry : files::directory_iterator(directory)) {
    if (entry.path().extension() == ".yaml") result.insert(entry.path());
  }
  return result;
}

Result<Recipe> parse(const files::path& path) {
  // A fixed platform: golden files must not depend on the machine.
  return parse_yaml_recipe(
      read_file(path),
      {.file = path.filename().string(), .platform = oci::Platform{.os = "linux", .architecture = "arm64"}});
}

void compare(const files::path& golden, const std::string& text) {
  const bool accept = std::getenv("ACCEPT") != nullptr;
  if (accept) {
    std::ofstream(golden, std::ios::binary) << text;
    return;
  }
  INFO(golden.string());
  REQUIRE(files::exists(golden));
  CHECK(text == read_file(golden));
}

/// A golden file without its recipe is a test that no longer runs.
void check_no_orphans(const files::path& goldens, const files::path& recipes) {
  for (const auto& entry : files::directory_iterator(goldens)) {
    if (entry.path().extension() != ".txt") continue;
    INFO(entry.path().string());
    CHECK(files::exists(recipes / entry.path().stem().concat(".yaml")));
  }
}

}  // namespace

TEST_CASE("each bad recipe is refused with its diagnostic") {
  const auto bad = recipes_in(k_data / "unit/recipes/bad");
  REQUIRE(bad.size() >= 140);
  for (const files::path& path : bad) {
    INFO(path.string());
    const Result<Recipe> recipe = parse(path);
    REQUIRE_FALSE(recipe.has_value());
    std::string text = recipe.error().message() + "\n";
    if (!recipe.error().hint_text().empty()) text += "hint: " + recipe.error().hint_text() + "\n";
    CHECK(recipe.error().trace().empty());
    compare(k_data / "golden/recipes" / path.stem().concat(".txt"), text);
  }
  check_no_orphans(k_data / "golden/recipes", k_data / "unit/recipes/bad");
}

TEST_CASE("each good recipe gives its values") {
  const auto good = recipes_in(k_data / "unit/recipes/good");
  REQUIRE(good.size() >= 9);
  for (const files::path& path : good) {
    INFO(path.string());
    const Result<Recipe> recipe = parse(path);
    if (!recipe) FAIL(recipe.error().message());
    compare(k_data / "golden/recipes/good" / path.stem().concat(".txt"), recipe_text(*recipe));
  }
  check_no_orphans(k_data / "golden/recipes/good", k_data / "unit/recipes/good");
}

TEST_CASE("the recipes in the documentation are good") {
  const std::string page = read_file(files::path(ECRIN_SOURCE_DIR) / "docs/recipes.md");
  std::size_t count = 0;
  for (std::size_t at = page.find("```yaml\n"); at != std::string::npos; at = page.find("```yaml\n", at)) {
    at += 8;
    const std::size_t end = page.find("```", at);
    std::string text = page.substr(at, end - at);
    at = end + 3;
    // A piece of a recipe gets the rest around it: steps, or a part of a stage.
    if (text.starts_with("- ")) text = "steps:\n" + text;
    if (!("\n" + text).contains("\nfrom:") && !text.contains("stages:")) text = "from: scratch\n" + text;
    if (text.contains("${VERSION}") && !text.contains("args:")) text = "args: {VERSION: 1}\n" + text;
    INFO(text);
    const Result<Recipe> recipe = parse_yaml_recipe(text, {.file = "docs"});
    if (!recipe) FAIL(recipe.error().message());
    ++count;
  }
  CHECK(count >= 11);
}

TEST_CASE("the examples are good recipes, and what they copy from the context is there") {
  const files::path directory = files::path(ECRIN_SOURCE_DIR) / "recipes/examples";
  const auto examples = recipes_in(directory);
  REQUIRE(examples.size() >= 6);
  for (const files::path& path : examples) {
    INFO(path.string());
    const Result<Recipe> recipe = parse(path);
    if (!recipe) FAIL(recipe.error().message());
    CHECK_FALSE(recipe->name.empty());
    for (const Stage& stage : recipe->stages) {
      for (const Step& step : stage.steps) {
        const auto* copy = std::get_if<CopyStep>(&step.kind);
        if (copy == nullptr || !copy->from.empty()) continue;
        for (const std::string& source : copy->sources) CHECK(files::exists(directory / source));
      }
    }
  }
}
