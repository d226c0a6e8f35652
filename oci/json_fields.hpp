// What several parsers of the image-spec's documents share.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace ecrin::oci {

/// An object of strings ("annotations", "Labels"); missing or null: empty.
Result<std::map<std::string, std::string>> json_string_map(const Json& object, const char* key,
                                                           std::string_view what);
/// "" when missing; anything else must have the form type/subtype.
Result<std::string> parse_media_type(const Json& object, const char* key, std::string_view what);

}  // namespace ecrin::oci
