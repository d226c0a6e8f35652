#include "counting.hpp"

std::map<char, int> count_letters(const std::string& text) {
  std::map<char, int> counts;
  for (const char letter : text) ++counts[letter];
  return counts;
}
