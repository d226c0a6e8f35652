// Base64 (RFC 4648, section 4) of small values: credentials and the like.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace ecrin {

std::string encode_base64(std::string_view bytes);
/// With or without padding at the end; white space at both ends is ignored. Anything else is invalid; the
/// error says nothing of the text.
Result<std::string> decode_base64(std::string_view text);

}  // namespace ecrin
