// What stands after an instruction's name: flags, and then words, quoted words or an exec form (JSON), as its
// kind takes them apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "recipes/containerfile/logical_line.hpp"
#include "recipes/diagnostics.hpp"

namespace ecrin::recipes::containerfile {

/// One instruction's text on its way to a value. Refers to the line and the source.
struct InstructionText {
  const SourceText* source = nullptr;
  const LogicalLine* line = nullptr;
  char escape = '\\';
  std::string_view keyword;  // as written
  std::string name;          // upper case
  Span keyword_span;
  std::vector<Flag> flags;  // values without quotes and escapes
  std::size_t begin = 0;    // of the arguments in line->text
  std::size_t end = 0;

  std::string_view arguments() const { return std::string_view(line->text).substr(begin, end - begin); }
  bool empty() const { return begin == end; }
  Span arguments_span() const { return empty() ? keyword_span : line->place(begin, end); }
  /// A part of line->text.
  Word word(std::size_t from, std::size_t to) const {
    return {.text = line->text.substr(from, to - from), .span = line->place(from, to)};
  }
  std::unexpected<Error> refuse(Span span, std::string_view message) const {
    return std::unexpected(diagnose(*source, span, message));
  }
  std::unexpected<Error> refuse(Span span, std::string_view message, std::string hint) const {
    return std::unexpected(diagnose(*source, span, message).hint(std::move(hint)));
  }
};

/// `at`: where the instruction begins in the line (after ONBUILD).
InstructionText take_apart(const SourceText& source, const LogicalLine& line, char escape,
                           std::size_t at = 0);

/// Split at blanks; quotes and escapes are characters as any other.
std::vector<Word> split_words(const InstructionText& text);
/// Split at white space that is neither quoted nor escaped; quotes and escapes stay in the words.
std::vector<Word> split_quoted_words(const InstructionText& text);
/// The elements of an exec form. None: not JSON, so it is something else. JSON that holds more than strings
/// is an error.
Result<std::optional<std::vector<Word>>> split_exec_form(const InstructionText& text);
/// An exec form, or words.
Result<std::vector<Word>> split_paths(const InstructionText& text);

enum class ExecForm { no, yes };
/// Of the instruction, or of the one after ONBUILD.
Result<ExecForm> is_exec_form(const SourceText& source, const LogicalLine& line, char escape);

}  // namespace ecrin::recipes::containerfile
