#include "base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace ecrin {

std::string random_name(std::size_t length) {
  constexpr std::string_view k_alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string name(length, '\0');
  std::size_t filled = 0;
  while (filled < length) {
    const ssize_t count = ::getrandom(name.data() + filled, length - filled, 0);
    if (count > 0) {
      filled += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      // Linux 3.17 and newer have it; a name that is not random could clobber another process's work.
      std::abort();
    }
  }
  for (char& character : name)
    character = k_alphabet[static_cast<unsigned char>(character) % k_alphabet.size()];
  return name;
}

}  // namespace ecrin
