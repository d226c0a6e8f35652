// Names that users give to things of the store: containers, volumes.
#pragma once

#include <cstddef>
#include <string_view>

namespace ecrin {

/// Letters, digits, '_', '.' and '-', the first one a letter or digit, at most `limit`.
bool is_plain_name(std::string_view name, std::size_t limit);

}  // namespace ecrin
