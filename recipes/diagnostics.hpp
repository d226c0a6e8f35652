// Diagnostics: one error about one place in a text, as people and editors like it:
//
//   app.yaml:7:5: unknown key 'entrypont' in stage 'runtime' (did you mean 'entrypoint'?)
//       7 |     entrypont: ["/bin/app"]
//         |     ^~~~~~~~~
//
// Knows nothing of YAML: every front end has a SourceText and Spans in it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// A piece of a text, in bytes. Length 0 is shown as one caret.
struct Span {
  std::size_t begin = 0;
  std::size_t length = 0;
};

/// A text with the name its user knows it by. Does not own the text.
class SourceText {
public:
  SourceText(std::string file, std::string_view text);

  const std::string& file() const { return m_file; }
  std::string_view text() const { return m_text; }
  std::string_view text(Span span) const { return m_text.substr(span.begin, span.length); }
  /// Columns count characters (code points), as editors do.
  Location location(std::size_t offset) const;
  /// The line without its end; lines count from 1, and one that is not there is empty.
  std::string_view line(int number) const;
  /// The byte at a line and a byte column, both from 0 (how parsers mark); never beyond the text.
  std::size_t offset(std::size_t line, std::size_t column) const;

private:
  std::size_t characters_before(std::size_t offset) const;

  std::string m_file;
  std::string_view m_text;
  std::vector<std::size_t> m_line_starts;
  std::vector<std::size_t> m_characters;  // before each block: a place in a long line is found in no time
};

/// The error for a place. Text from outside must already be printable() in `message`; the source line is made
/// so here, and a long one is cut around the caret.
Error diagnose(const SourceText& source, Span span, std::string_view message,
               ErrorKind kind = ErrorKind::invalid);

/// " (did you mean 'entrypoint'?)", or "" when nothing is near. Case does not count as a difference.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace ecrin::recipes
