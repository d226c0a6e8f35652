#include "recipes/containerfile/logical_line.hpp"

#include <algorithm>

namespace ecrin::recipes::containerfile {

Span LogicalLine::place(std::size_t begin, std::size_t end) const {
  const auto source = [&](std::size_t at) {
    const auto after =
        std::upper_bound(pieces.begin(), pieces.end(), at,
                         [](std::size_t value, const Piece& piece) { return value < piece.at; });
    const Piece& piece = after == pieces.begin() ? *after : *(after - 1);
    return piece.source + (at - piece.at);
  };
  if (pieces.empty()) return span;
  const std::size_t first = source(begin);
  if (end <= begin) return {first, 0};
  return {first, source(end - 1) + 1 - first};
}

std::size_t space_length(std::string_view text, std::size_t at) {
  if (at >= text.size()) return 0;
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  if (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r')) return 1;
  switch (byte(0)) {
    case 0xC2:  // U+0085, U+00A0
      return byte(1) == 0x85 || byte(1) == 0xA0 ? 2 : 0;
    case 0xE1:  // U+1680
      return byte(1) == 0x9A && byte(2) == 0x80 ? 3 : 0;
    case 0xE2:  // U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F
      if (byte(1) == 0x80) {
        const bool found =
            (byte(2) >= 0x80 && byte(2) <= 0x8A) || byte(2) == 0xA8 || byte(2) == 0xA9 || byte(2) == 0xAF;
        return found ? 3 : 0;
      }
      return byte(1) == 0x81 && byte(2) == 0x9F ? 3 : 0;
    case 0xE3:  // U+3000
      return byte(1) == 0x80 && byte(2) == 0x80 ? 3 : 0;
    default:
      return 0;
  }
}

std::size_t skip_space(std::string_view text, std::size_t at) {
  while (const std::size_t length = space_length(text, at)) at += length;
  return at;
}

std::size_t trimmed_end(std::string_view text, std::size_t begin) {
  std::size_t end = text.size();
  while (end > begin) {
    std::size_t before = 0;
    for (std::size_t length = 1; length <= 3 && length <= end - begin; ++length) {
      if (space_length(text, end - length) == length) before = length;
    }
    if (before == 0) break;
    end -= before;
  }
  return end;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

Keyword split_keyword(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size() && !is_blank(text[end])) ++end;
  Keyword keyword{.name = text.substr(begin, end - begin), .arguments = end};
  while (keyword.arguments < text.size() && is_blank(text[keyword.arguments])) ++keyword.arguments;
  return keyword;
}

}  // namespace ecrin::recipes::containerfile
