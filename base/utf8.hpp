// One character of UTF-8 at a time.
#pragma once

#include <cstddef>
#include <string_view>

namespace ecrin {

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // in bytes; 0: not UTF-8
};
/// The first code point of a text that is not empty. Overlong forms, surrogates and values above U+10FFFF are
/// not UTF-8 (RFC 3629).
CodePoint decode_utf8(std::string_view text);

}  // namespace ecrin
