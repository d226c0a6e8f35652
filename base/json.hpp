// JSON with limits and good errors. nlohmann's full header is included only by .cpp files that take documents
// apart; exceptions never leave these functions.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin {

using Json = nlohmann::json;

/// `what` names the document in errors ("image config sha256:..."). Refused with a position: syntax errors,
/// nesting deeper than 100, duplicate keys, invalid UTF-8, anything after the value.
Result<Json> parse_json(std::string_view text, std::string_view what);

/// Canonical text: keys sorted, no white space, UTF-8 as it is. For values that were checked: never throws
/// (invalid UTF-8 is replaced).
std::string dump_json(const Json& value);
/// For people: two spaces of indentation and a final newline.
std::string dump_json_pretty(const Json& value);

/// Typed access to an object's members; `what` names the object in errors ("manifest.config").
/// A missing or null member is an empty optional; a wrong type is ErrorKind::invalid.
Result<std::optional<std::string>> json_string(const Json& object, const char* key, std::string_view what);
Result<std::optional<std::uint64_t>> json_unsigned(const Json& object, const char* key,
                                                   std::string_view what);
Result<std::optional<std::int64_t>> json_integer(const Json& object, const char* key, std::string_view what);
Result<std::optional<bool>> json_bool(const Json& object, const char* key, std::string_view what);
Result<std::optional<std::vector<std::string>>> json_strings(const Json& object, const char* key,
                                                             std::string_view what);
/// Member that must be an object (or array); nullptr when it is missing or null.
Result<const Json*> json_object(const Json& object, const char* key, std::string_view what);
Result<const Json*> json_array(const Json& object, const char* key, std::string_view what);

}  // namespace ecrin
