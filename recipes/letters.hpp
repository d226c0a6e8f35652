// Capital letters, as instructions and some variables are written.
#pragma once

#include <string>
#include <string_view>

namespace ecrin::recipes {

inline std::string to_upper(std::string_view text) {  // ASCII
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return upper;
}

}  // namespace ecrin::recipes
