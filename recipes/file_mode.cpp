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

Result<FileMode> parse_file_mode(std::string_view text) {
  const auto malformed = [&] {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is not a mode", printable(text, 40)))
            .hint("modes are octal up to 7777 (644, 0755), or as chmod has them (u+x, go-w)"));
  };
  if (const auto mode = parse_octal_mode(text)) return FileMode{.mode = *mode, .change = {}};
  if (!is_mode_change(text)) return malformed();
  return FileMode{.mode = std::nullopt, .change = std::string(text)};
}

}  // namespace ecrin::recipes
