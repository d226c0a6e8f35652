#include "base/base64.hpp"

#include <cstdint>

#include "base/text.hpp"

namespace ecrin {
namespace {

constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string encode_base64(std::string_view bytes) {
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      result += k <= group.size() ? k_alphabet[bits >> (18 - 6 * k) & 63] : '=';
  }
  return result;
}

Result<std::string> decode_base64(std::string_view text) {
  const auto refuse = [] { return fail(ErrorKind::invalid, "not valid base64"); };
  text = trim(text);
  if (text.ends_with("==")) {
    if (text.size() % 4 != 0) return refuse();
    text.remove_suffix(2);
  } else if (text.ends_with('=')) {
    if (text.size() % 4 != 0) return refuse();
    text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return refuse();
  std::string result;
  result.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = k_alphabet.find(c);
    if (value == std::string_view::npos) return refuse();
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      result += static_cast<char>(bits >> count & 0xff);
    }
  }
  return result;
}

}  // namespace ecrin
