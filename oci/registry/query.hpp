// Queries of URLs and bodies of forms: names and values, encoded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ecrin::oci {

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Everything but letters, digits and "-._~" as %XX.
std::string percent_encode(std::string_view text);
/// "a=1&b=%20"
std::string encode_parameters(const Parameters& parameters);
/// `url` with these added to the query that it has or has not.
std::string with_parameters(const std::string& url, const Parameters& parameters);

}  // namespace ecrin::oci
