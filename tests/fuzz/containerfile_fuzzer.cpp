// Any text is a Containerfile or one error, without a crash or a hang; and what was read says true places.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "recipes/containerfile/lint.hpp"
#include "recipes/containerfile/syntax.hpp"

using namespace ecrin::recipes;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const SourceText source("Containerfile", text);
  const auto file = containerfile::parse_containerfile(source);
  if (file) {
    std::size_t end = 0;
    for (const containerfile::Instruction& instruction : file->instructions) {
      if (instruction.span.begin < end || instruction.span.length > size - instruction.span.begin)
        std::abort();
      end = instruction.span.begin + instruction.span.length;
    }
    (void)containerfile::lint(*file, source, {});
  }
  (void)containerfile::parse_trigger(text, "ONBUILD of 'fuzzed'");
  return 0;
}
