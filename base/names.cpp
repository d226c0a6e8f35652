#include "base/names.hpp"

#include <algorithm>
#include <cctype>

namespace ecrin {

bool is_plain_name(std::string_view name, std::size_t limit) {
  const auto is_alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return !name.empty() && name.size() <= limit && is_alphanumeric(name.front()) &&
         std::ranges::all_of(name,
                             [&](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

std::string_view short_id(std::string_view id) {
  return id.substr(0, 12);
}

}  // namespace ecrin
