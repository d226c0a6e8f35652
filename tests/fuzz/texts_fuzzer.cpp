// What all parsers stand on: JSON, base64, sizes, times, the text that people see, and the arguments of
// recipes.
#include "base/text.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/json.hpp"
#include "recipes/expand.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using ecrin::fuzz::require;

namespace {

void check_json(std::string_view text) {
  const auto json = parse_json(text, "document");
  if (!json) {
    require(is_valid_utf8(json.error().message()));
    return;
  }
  const std::string bytes = dump_json(*json);
  const auto again = parse_json(bytes, "document");
  require(again && dump_json(*again) == bytes);
  const auto pretty = parse_json(dump_json_pretty(*json), "document");
  require(pretty && dump_json(*pretty) == bytes);
}

void check_printable(std::string_view text) {
  for (const std::size_t limit : {10u, 4096u}) {
    const std::string shown = printable(text, limit);
    require(is_valid_utf8(shown) && shown.size() <= limit + 16);
    // Neither C0 nor C1: some terminals take the latter for escape sequences too.
    require(std::ranges::none_of(shown, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }));
    for (std::size_t i = 0; i + 1 < shown.size(); ++i)
      require(shown[i] != '\xc2' || static_cast<unsigned char>(shown[i + 1]) >= 0xa0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_json(text);
  check_printable(text);
  require(decode_base64(encode_base64(text)).value() == text);
  if (const auto bytes = decode_base64(text)) require(decode_base64(encode_base64(*bytes)).value() == *bytes);
  if (const auto seconds = parse_time(text)) require(parse_time(format_time(*seconds)).value() == *seconds);
  if (const auto number = parse_unsigned(text))
    require(parse_unsigned(std::to_string(*number)).value() == *number);
  (void)parse_size(text);
  if (const auto nanoseconds = parse_duration(text)) require(*nanoseconds >= 0);
  require(join(split(text, ','), ",") == text);
  require(decode_percent(text).size() <= size && unescape_mount_field(text).size() <= size);
  (void)edit_distance(text, "Containerfile");
  std::size_t budget = 1000;
  const recipes::Arguments arguments = {{"A", std::string(100, 'x')}, {"B", std::nullopt}};
  if (const auto expanded = recipes::expand(text, arguments, budget)) require(expanded->size() <= 1000);
  for (const recipes::Mention& mention : recipes::mentioned_variables(text))
    require(recipes::is_variable_name(mention.name) && mention.begin + mention.length <= size);
  return 0;
}
