#include "recipes/yaml_text.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::size_t k_text_limit = 1024 * 1024;

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

/// The length of a quoted text with both quotes; npos when the second one is missing.
std::size_t quoted_length(std::string_view text) {
  const char quote = text[0];
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool escapes = quote == '"' ? text[i] == '\\' : text.substr(i).starts_with("''");
    if (escapes) {
      ++i;
    } else if (text[i] == quote) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

/// Bytes that YAML does not allow. The library would read some of them in silence (0x04 ends its text).
Result<> check_yaml_characters(const SourceText& source) {
  const std::string_view text = source.text();
  if (text.size() > k_text_limit) {
    return fail(ErrorKind::limit, "recipe '{}' is larger than 1 MiB", printable(source.file()));
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F) {
      return std::unexpected(
          diagnose(source, {i, 1}, fmt::format("a recipe is text, and here is byte {:#04x}", byte)));
    }
  }
  if (is_valid_utf8(text)) return {};
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t length = 1;
    while (length <= 4 && !is_valid_utf8(text.substr(at, length))) ++length;
    if (length > 4) break;
    at += length;
  }
  return std::unexpected(diagnose(source, {at, 1}, "a recipe is UTF-8, and this byte is not"));
}

std::size_t skip_yaml_properties(const SourceText& source, std::size_t at) {
  const std::string_view text = source.text();
  std::size_t place = at;
  while (place < text.size() && (text[place] == '&' || text[place] == '!')) {
    place = std::min(text.find_first_of(" \t\r\n", place), text.size());
    place = std::min(text.find_first_not_of(" \t", place), text.size());
  }
  const bool at_line_end =
      place >= text.size() || text[place] == '\n' || text[place] == '\r' || text[place] == '#';
  return at_line_end ? at : place;
}

Span yaml_scalar_span(const SourceText& source, std::size_t at, std::string_view value, bool plain) {
  std::string_view rest = source.text().substr(at);
  rest = rest.substr(0, rest.find('\n'));
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  if (rest.empty()) return {at, 1};
  if (plain) return {at, rest.starts_with(value) ? value.size() : trim(rest).size()};
  if (!is_quote(rest[0])) return {at, 1};
  return {at, std::min(quoted_length(rest), rest.size())};
}

bool is_yaml_quote_closed(const SourceText& source, std::size_t at) {
  const std::string_view rest = source.text().substr(at);
  return rest.empty() || !is_quote(rest[0]) || quoted_length(rest) != std::string_view::npos;
}

}  // namespace ecrin::recipes
