// Any text is a recipe or one error, without a crash or a hang.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "recipes/yaml_recipe.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)ecrin::recipes::parse_yaml_recipe(text, {.file = "fuzzed.yaml", .args = {{"ARG", "value"}}});
  return 0;
}
