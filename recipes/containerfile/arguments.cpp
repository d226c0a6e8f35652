#include "recipes/containerfile/arguments.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "recipes/letters.hpp"

namespace ecrin::recipes::containerfile {
namespace {

/// Words that begin with "--", until one does not, or until "--" itself.
class FlagReader {
public:
  explicit FlagReader(InstructionText& text) : m_text(text), m_line(text.line->text) {}

  void read() {
    std::size_t& at = m_text.begin;
    for (;;) {
      at = skip_space(m_line, at);
      if (!m_line.substr(at).starts_with("--")) return;
      const std::size_t begin = at;
      const std::string word = read_word(at);
      if (word == "--") {
        at = skip_space(m_line, at);
        return;
      }
      add(word, begin, at);
    }
  }

private:
  std::string read_word(std::size_t& at) const {
    std::string word;
    char quote = 0;
    for (; at < m_line.size(); ++at) {
      const char c = m_line[at];
      if (c == m_text.escape) {
        if (++at < m_line.size()) word += m_line[at];
        if (at >= m_line.size()) break;
      } else if (quote != 0) {
        if (c == quote) {
          quote = 0;
        } else {
          word += c;
        }
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (space_length(m_line, at) > 0) {
        break;
      } else {
        word += c;
      }
    }
    return word;
  }

  void add(const std::string& word, std::size_t begin, std::size_t end) {
    const std::size_t equals = word.find('=');
    Flag flag{.name = word.substr(2, equals == std::string::npos ? equals : equals - 2),
              .value = {},
              .span = m_text.line->place(begin, end)};
    if (equals != std::string::npos) flag.value = word.substr(equals + 1);
    m_text.flags.push_back(std::move(flag));
  }

  InstructionText& m_text;
  std::string_view m_line;
};

/// The end of a JSON string that is known to be right; `at` is its first quote.
std::size_t json_string_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

}  // namespace

InstructionText take_apart(const SourceText& source, const LogicalLine& line, char escape, std::size_t at) {
  InstructionText text;
  const Keyword keyword = split_keyword(line.text, at);
  text.source = &source;
  text.line = &line;
  text.escape = escape;
  text.keyword = keyword.name;
  text.name = to_upper(keyword.name);
  text.keyword_span = line.place(at, at + keyword.name.size());
  text.begin = keyword.arguments;
  FlagReader(text).read();
  text.end = trimmed_end(line.text, text.begin);
  return text;
}

std::vector<Word> split_words(const InstructionText& text) {
  const std::string_view line = text.line->text;
  std::vector<Word> words;
  for (std::size_t at = text.begin; at < text.end;) {
    const std::size_t begin = at;
    while (at < text.end && !is_blank(line[at])) ++at;
    words.push_back(text.word(begin, at));
    while (at < text.end && is_blank(line[at])) ++at;
  }
  return words;
}

std::vector<Word> split_quoted_words(const InstructionText& text) {
  const std::string_view line = std::string_view(text.line->text).substr(0, text.end);
  std::vector<Word> words;
  for (std::size_t at = skip_space(line, text.begin); at < line.size(); at = skip_space(line, at)) {
    const std::size_t begin = at;
    char quote = 0;
    bool ends_escaped = false;  // the escape character is the last of the line, and is nothing
    while (at < line.size()) {
      const char c = line[at];
      if (c == text.escape && quote != '\'') {
        ends_escaped = at + 1 == line.size();
        at = std::min(at + 2, line.size());
        continue;
      }
      if (quote == 0 && space_length(line, at) > 0) break;
      if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
      ++at;
    }
    const std::size_t end = ends_escaped ? at - 1 : at;
    if (end > begin) words.push_back(text.word(begin, end));
  }
  return words;
}

Result<std::optional<std::vector<Word>>> split_exec_form(const InstructionText& text) {
  const std::string_view arguments = text.arguments();
  if (!arguments.starts_with('[')) return std::nullopt;
  const Result<Json> json = parse_json(arguments, "exec form");
  if (!json || !json->is_array()) return std::nullopt;
  std::vector<Word> words;
  std::size_t at = 0;
  for (const Json& element : *json) {
    if (!element.is_string()) {
      return text.refuse(text.arguments_span(), "an exec form holds nothing but strings in double quotes");
    }
    at = arguments.find('"', at);
    const std::size_t end = json_string_end(arguments, at);
    const Span span = text.line->place(text.begin + at, text.begin + end);
    words.push_back({.text = element.get<std::string>(), .span = span});
    if (words.back().text.contains('\0')) {
      return text.refuse(span, "this word of an exec form holds a NUL character",
                         "no argument and no path can hold one: take '\\u0000' out");
    }
    at = end;
  }
  return words;
}

Result<std::vector<Word>> split_paths(const InstructionText& text) {
  std::optional<std::vector<Word>> words = TRY(split_exec_form(text));
  return words ? std::move(*words) : split_words(text);
}

Result<ExecForm> is_exec_form(const SourceText& source, const LogicalLine& line, char escape) {
  InstructionText text = take_apart(source, line, escape);
  if (text.name == "ONBUILD") text = take_apart(source, line, escape, text.begin);
  return TRY(split_exec_form(text)).has_value() ? ExecForm::yes : ExecForm::no;
}

}  // namespace ecrin::recipes::containerfile
