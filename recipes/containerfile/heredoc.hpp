// The marks of here-documents in an instruction: "<<EOF", "<<-'END OF IT'", "3<<EOF". Found as docker finds
// them: by the words of the whole line, with the shell's quotes, so that "1 << 2" in arithmetic is one too.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::recipes::containerfile {

struct HeredocMark {
  std::string name;
  bool expand = true;       // no part of the name was quoted
  bool strip_tabs = false;  // "<<-"
  std::size_t begin = 0;    // of the word in the line
  std::size_t end = 0;
};

/// One word, when it is a mark.
std::optional<HeredocMark> parse_heredoc_mark(std::string_view word);

/// All marks of a line. None in a line whose quotes or braces do not end.
std::vector<HeredocMark> find_heredoc_marks(std::string_view line);

/// `content` without the tabs at the beginning of its lines.
std::string strip_leading_tabs(std::string_view content);

}  // namespace ecrin::recipes::containerfile
