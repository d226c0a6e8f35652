// Names that users give to things of the store (containers, volumes), and their IDs.
#pragma once

#include <cstddef>
#include <string_view>

namespace ecrin {

/// Letters, digits, '_', '.' and '-', the first one a letter or digit, at most `limit`.
bool is_plain_name(std::string_view name, std::size_t limit);

/// As people see and type the ID of a container, an image or a network: its first 12 digits.
std::string_view short_id(std::string_view id);

}  // namespace ecrin
