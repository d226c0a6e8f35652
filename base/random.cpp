#include "base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace ecrin {

namespace {

std::string random_bytes(std::size_t length) {
  std::string bytes(length, '\0');
  std::size_t filled = 0;
  while (filled < length) {
    const ssize_t count = ::getrandom(bytes.data() + filled, length - filled, 0);
    if (count > 0) {
      filled += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      // Linux 3.17 and newer have it; a name that is not random could clobber another process's work.
      std::abort();
    }
  }
  return bytes;
}

}  // namespace

std::string random_name(std::size_t length) {
  constexpr std::string_view k_alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string name = random_bytes(length);
  for (char& character : name)
    character = k_alphabet[static_cast<unsigned char>(character) % k_alphabet.size()];
  return name;
}

std::string random_hexadecimal(std::size_t digits) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string text = random_bytes(digits);
  for (char& character : text) character = k_digits[static_cast<unsigned char>(character) % k_digits.size()];
  return text;
}

}  // namespace ecrin
