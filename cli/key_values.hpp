// Flags and files that say KEY=VALUE: labels, options of networks, annotations.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::cli {

using KeyValues = std::map<std::string, std::string>;

/// "KEY=VALUE", or "KEY" for an empty value; the last one of a key counts. `flag` is for the error, without
/// dashes.
Result<> add_key_value(KeyValues& pairs, const std::string& text, std::string_view flag);
Result<KeyValues> parse_key_values(const std::vector<std::string>& texts, std::string_view flag);

}  // namespace ecrin::cli
