// Any text is a recipe or one error, without a crash or a hang; so are its findings and its translation.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "recipes/convert.hpp"
#include "recipes/yaml_lint.hpp"
#include "recipes/yaml_recipe.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_yaml_recipe(text, {.file = "fuzzed.yaml", .args = {{"ARG", "value"}}, .platform = {}});
  const auto recipe = parse_yaml_recipe(text, {.file = "fuzzed.yaml", .args = {}, .platform = {}});
  if (!recipe) return 0;
  const LintOptions lint_options{
      .args = {}, .platform = {}, .is_ignored = [](std::string_view path) { return path.starts_with('i'); }};
  (void)lint_yaml(*recipe, SourceText("fuzzed.yaml", text), lint_options);
  (void)yaml_to_containerfile(text, {.file = "fuzzed.yaml",
                                     .args = {},
                                     .platform = {},
                                     .base_config = [](const std::string&, const oci::Platform&) {
                                       return Result<oci::ImageConfig>(oci::ImageConfig());
                                     }});
  return 0;
}
