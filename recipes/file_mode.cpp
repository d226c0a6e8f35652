#include "recipes/file_mode.hpp"

#include <algorithm>
#include <string>

#include "base/text.hpp"

namespace ecrin::recipes {

std::optional<std::uint32_t> parse_octal_mode(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint32_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
    if (mode > 07777) return std::nullopt;
  }
  return mode;
}

bool is_mode_change(std::string_view text) {
  for (const std::string& clause : split(text, ',')) {
    std::size_t at = std::min(clause.find_first_not_of("ugoa"), clause.size());
    if (at == clause.size()) return false;
    while (at < clause.size()) {
      if (!std::string_view("+-=").contains(clause[at])) return false;
      ++at;
      while (at < clause.size() && std::string_view("rwxXstugo").contains(clause[at])) ++at;
    }
  }
  return true;
}

}  // namespace ecrin::recipes
