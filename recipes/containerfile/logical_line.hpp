// One instruction as one line: continuation lines joined, comments among them gone, and for every byte the
// place in the file that it came from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "recipes/containerfile/syntax.hpp"
#include "recipes/diagnostics.hpp"

namespace ecrin::recipes::containerfile {

struct LogicalLine {
  /// From `at` of `text` on, bytes are those from `source` of the file on.
  struct Piece {
    std::size_t at = 0;
    std::size_t source = 0;
  };

  std::string text;  // without white space around it; never empty
  std::vector<Piece> pieces;
  std::vector<std::string> comments;
  std::vector<Span> empty_lines;
  std::vector<Heredoc> heredocs;
  Span span;  // in the file, here-documents included

  /// The place in the file of a part of `text`. Over several lines where the part is.
  Span place(std::size_t begin, std::size_t end) const;
};

/// White space as docker's parser knows it, which is Unicode's. The length of the one at `at`, 0 = none
/// there.
std::size_t space_length(std::string_view text, std::size_t at);
/// The first byte at or after `at` that is not white space.
std::size_t skip_space(std::string_view text, std::size_t at);
/// Where `text` ends when the white space at its end is left away; not before `begin`.
std::size_t trimmed_end(std::string_view text, std::size_t begin);
/// The separators of words: ASCII white space without line ends.
bool is_blank(char c);

/// The instruction's name, and where its arguments begin.
struct Keyword {
  std::string_view name;
  std::size_t arguments = 0;
};
Keyword split_keyword(std::string_view text, std::size_t begin = 0);

}  // namespace ecrin::recipes::containerfile
