// Pattern: one glob over '/'-separated relative paths: the rules of Go's filepath.Match, as COPY sources have
// them, and for docker's ignore files "**" as well. A character is one of UTF-8; a byte that is none counts
// for itself. Matching takes time proportional to the square of the path at most, however long the pattern
// is: a context may bring hostile ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace ecrin::build {

class Pattern {
public:
  /// `*` and `?` stay inside one name, `[a-z]` is a set (`^` negates), `\` takes the next character as it is.
  /// "**" at the end is everything below; elsewhere it stands for any number of directories, also none. With
  /// Stars::in_a_name it is no more than `*`.
  enum class Stars { across_directories, in_a_name };
  static Result<Pattern> compile(std::string_view text, Stars stars = Stars::across_directories);

  bool matches(std::string_view path) const;
  /// The leading directories without any wildcard ("src/lib" of "src/lib/*.c"): all matches are below.
  const std::string& literal_directory() const { return m_literal_directory; }
  /// Without a wildcard the pattern is a plain path, given here with the escapes taken out.
  bool is_literal() const { return m_is_literal; }
  const std::string& literal() const { return m_literal; }
  /// How many names a match has at most; SIZE_MAX with "**".
  std::size_t depth() const { return m_depth; }

private:
  struct Token {
    enum class Kind { character, any_character, star, anything, directories, set };
    Kind kind;
    char32_t character = 0;
    bool negated = false;
    std::vector<std::pair<char32_t, char32_t>> ranges = {};
  };
  Result<> add_set(std::string_view text, std::size_t& position);
  std::vector<Token> m_tokens;
  std::string m_literal_directory;
  std::string m_literal;
  bool m_is_literal = true;
  std::size_t m_depth = 1;
};

/// Has the text an unescaped wildcard?
bool has_wildcard(std::string_view text);

/// Lexical clean-up of a path (as Go's path.Clean): no ".", "", no ".." that a name before it takes away; a
/// leading slash stays. "" becomes ".".
std::string clean_path(std::string_view path);
/// As a path below a root: cleaned, ".." stops at the root, without leading slash; the root itself is "".
std::string relative_to_root(std::string_view path);
/// "a/b", "c" -> "a/b/c"; an empty first part gives the second.
std::string join_path(std::string_view directory, std::string_view name);
/// Directory part of a relative path, "" for a single name; and the last name.
std::string parent_path(std::string_view path);
std::string base_name(std::string_view path);

}  // namespace ecrin::build
