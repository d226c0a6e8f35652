// Any text is a Containerfile or one error, without a crash or a hang; and what was read says true places.
// What it means, its findings, its outline and its translation are each a value or one error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "recipes/containerfile/lint.hpp"
#include "recipes/containerfile/lower.hpp"
#include "recipes/containerfile/outline.hpp"
#include "recipes/containerfile/syntax.hpp"
#include "recipes/convert.hpp"

using namespace ecrin;
using namespace ecrin::recipes;

namespace {

/// Images say something by their names: variables, a shell, triggers, or that there is no such image.
Result<oci::ImageConfig> config_of(const std::string& reference, const oci::Platform&) {
  oci::ImageConfig config;
  if (reference.starts_with("no")) return fail(ErrorKind::not_found, "no image '{}'", reference);
  if (reference.starts_with("e")) config.env = {"PATH=/bin", "A=b", "odd"};
  if (reference.starts_with("s")) config.shell = {"/bin/bash", "-c"};
  if (reference.starts_with("t")) config.on_build = {"RUN a", "COPY --from=0 a b", "ARG X", "what"};
  return config;
}

void check_places(const containerfile::Containerfile& file, std::size_t size) {
  std::size_t end = 0;
  for (const containerfile::Instruction& instruction : file.instructions) {
    if (instruction.span.begin < end || instruction.span.length > size - instruction.span.begin) std::abort();
    end = instruction.span.begin + instruction.span.length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const SourceText source("Containerfile", text);
  (void)containerfile::parse_trigger(text, "ONBUILD of 'fuzzed'");
  const auto file = containerfile::parse_containerfile(source);
  if (!file) return 0;
  check_places(*file, size);
  const LintOptions lint_options{.args = {{"A", "value"}},
                                 .platform = {},
                                 .is_ignored = [](std::string_view path) { return path.starts_with('i'); }};
  (void)containerfile::lint(*file, source, lint_options);
  containerfile::LowerOptions options{.file = "Containerfile",
                                      .args = {{"A", "value"}, {"http_proxy", "p"}},
                                      .host_args = {{"SOURCE_DATE_EPOCH", "1"}},
                                      .target = {},
                                      .platform = {},
                                      .base_config = config_of,
                                      .is_replaced = [](std::string_view name) { return name == "r"; }};
  (void)containerfile::outline(*file, source, options);
  (void)containerfile::list_targets(*file, source, options);
  (void)containerfile::lower(*file, source, options);
  options.all_stages = true;
  (void)containerfile::lower(*file, source, options);
  (void)containerfile_to_yaml(
      text, {.file = "Containerfile", .args = {}, .platform = {}, .base_config = config_of});
  return 0;
}
