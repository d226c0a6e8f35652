// Any text is ignore rules or one error. The first line is a path: a walk comes to the same answer about it
// as the question for it alone.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "build/ignore.hpp"

using ecrin::build::IgnoreRules;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string path = ecrin::build::relative_to_root(text.substr(0, end));
  const auto rules = IgnoreRules::parse(text.substr(std::min(end + 1, text.size())), "fuzzed");
  if (!rules) return 0;
  const bool ignored = rules->ignores(path);

  IgnoreRules::State state;
  std::size_t depth = 0;
  for (std::size_t slash = 0; slash != std::string::npos && !path.empty(); ++depth) {
    slash = path.find('/', slash + 1);
    state = rules->state(depth == 0 ? nullptr : &state, path.substr(0, slash));
  }
  if (state.ignored != ignored) std::abort();
  return 0;
}
