#include "recipes/containerfile/heredoc.hpp"

#include <algorithm>

#include "recipes/containerfile/logical_line.hpp"

namespace ecrin::recipes::containerfile {
namespace {

bool is_name_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         byte >= 0x80;
}

/// Walks over a line as a shell does. What is open (quotes, "${") is a stack of its own: lines are as deep as
/// their authors like.
class WordScanner {
public:
  explicit WordScanner(std::string_view text) : m_text(text) {}

  /// Words with their quotes; false where one of them does not end.
  bool scan() {
    while (m_at < m_text.size()) {
      const bool good = in(Open::double_quote) ? step_in_quotes() : step();
      if (!good) return false;
    }
    end_word();
    return m_open.empty();
  }

  struct Word {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  const std::vector<Word>& words() const { return m_words; }

private:
  enum class Open { double_quote, brace, pattern };  // pattern: "${name/" until its next '/'

  bool in(Open what) const { return !m_open.empty() && m_open.back() == what; }

  void begin_word() {
    if (!m_in_word) m_words.push_back({m_at, m_at});
    m_in_word = true;
  }
  void end_word() {
    if (m_in_word) m_words.back().end = m_at;
    m_in_word = false;
  }

  bool step() {
    const char c = m_text[m_at];
    if ((c == '}' && in(Open::brace)) || (c == '/' && in(Open::pattern))) {
      const bool goes_on = in(Open::pattern);
      m_open.pop_back();
      if (goes_on) m_open.push_back(Open::brace);
      ++m_at;
      return true;
    }
    if (const std::size_t space = space_length(m_text, m_at); space > 0) {
      // "${a:-b c}" is two words, "${a:-b c}" in quotes is one.
      if (m_open.empty() || m_open.front() != Open::double_quote) end_word();
      m_at += space;
      return true;
    }
    begin_word();
    switch (c) {
      case '\\':
        m_at = std::min(m_at + 2, m_text.size());
        return true;
      case '\'': {
        const std::size_t end = m_text.find('\'', m_at + 1);
        if (end == std::string_view::npos) return false;
        m_at = end + 1;
        return true;
      }
      case '"':
        m_open.push_back(Open::double_quote);
        ++m_at;
        return true;
      case '$':
        return dollar();
      case '<':
        less_than();
        return true;
      default:
        ++m_at;
        return true;
    }
  }

  bool step_in_quotes() {
    const char c = m_text[m_at];
    if (c == '"') {
      m_open.pop_back();
      ++m_at;
    } else if (c == '$') {
      return dollar();
    } else if (c == '\\' && m_at + 1 < m_text.size() &&
               std::string_view("\"$\\").contains(m_text[m_at + 1])) {
      m_at += 2;
    } else {
      ++m_at;
    }
    return true;
  }

  void skip_name() {
    const std::size_t begin = m_at;
    const bool digits = m_at < m_text.size() && m_text[m_at] >= '0' && m_text[m_at] <= '9';
    while (m_at < m_text.size() && is_name_byte(m_text[m_at]) &&
           (!digits || (m_text[m_at] >= '0' && m_text[m_at] <= '9'))) {
      ++m_at;
    }
    if (m_at == begin && m_at < m_text.size() && std::string_view("@*#?-$!").contains(m_text[m_at])) ++m_at;
  }

  /// "$name" or "${name...": false for what docker cannot read.
  bool dollar() {
    begin_word();
    ++m_at;
    const bool braces = m_at < m_text.size() && m_text[m_at] == '{';
    if (!braces) {
      skip_name();
      return true;
    }
    ++m_at;
    if (m_at >= m_text.size() || std::string_view("{}:").contains(m_text[m_at])) return false;
    skip_name();
    if (m_at >= m_text.size()) return false;
    const char modifier = m_text[m_at++];
    if (modifier == '}') return true;
    if (modifier == ':') {
      if (m_at >= m_text.size() || m_text[m_at] == '#' || m_text[m_at] == '%') return false;
      ++m_at;
      m_open.push_back(Open::brace);
      return true;
    }
    if (modifier == '/') {
      if (m_at < m_text.size() && m_text[m_at] == '/') ++m_at;
      m_open.push_back(Open::pattern);
      return true;
    }
    if (!std::string_view("+-?#%").contains(modifier)) return false;
    m_open.push_back(Open::brace);
    return true;
  }

  /// Blanks after "<<" do not end the word.
  void less_than() {
    ++m_at;
    if (m_at >= m_text.size() || m_text[m_at] != '<') return;
    ++m_at;
    if (!m_open.empty()) return;
    while (m_at < m_text.size() && (m_text[m_at] == ' ' || m_text[m_at] == '\t' || m_text[m_at] == '\r'))
      ++m_at;
  }

  std::string_view m_text;
  std::size_t m_at = 0;
  std::vector<Open> m_open;
  std::vector<Word> m_words;
  bool m_in_word = false;
};

/// The name without its quotes; none where it is not one word.
bool unquote_name(std::string_view text, HeredocMark& mark) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (space_length(text, i) > 0) return false;
    if (c == '\\') {
      if (++i < text.size()) mark.name += text[i];
    } else if (c == '\'') {
      const std::size_t end = text.find('\'', i + 1);
      if (end == std::string_view::npos) return false;
      mark.name += text.substr(i + 1, end - i - 1);
      mark.expand = false;
      i = end;
    } else if (c == '"') {
      mark.expand = false;
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && std::string_view("\"$\\").contains(text[i + 1])) ++i;
        mark.name += text[i];
      }
      if (i >= text.size()) return false;
    } else {
      mark.name += c;
    }
  }
  return !mark.name.empty();
}

}  // namespace

std::optional<HeredocMark> parse_heredoc_mark(std::string_view word) {
  std::size_t at = 0;
  while (at < word.size() && word[at] >= '0' && word[at] <= '9') ++at;
  if (!word.substr(at).starts_with("<<")) return {};
  at += 2;
  HeredocMark mark{.name = {}, .expand = true, .strip_tabs = false, .begin = 0, .end = word.size()};
  if (at < word.size() && word[at] == '-') {
    mark.strip_tabs = true;
    ++at;
  }
  while (at < word.size() && (is_blank(word[at]) || word[at] == '\n')) ++at;
  const std::string_view name = word.substr(at);
  if (name.contains('<') || !unquote_name(name, mark)) return {};
  return mark;
}

std::vector<HeredocMark> find_heredoc_marks(std::string_view line) {
  std::vector<HeredocMark> marks;
  if (!line.contains("<<")) return marks;
  WordScanner scanner(line);
  if (!scanner.scan()) return marks;
  for (const WordScanner::Word& word : scanner.words()) {
    std::optional<HeredocMark> mark = parse_heredoc_mark(line.substr(word.begin, word.end - word.begin));
    if (!mark) continue;
    mark->begin = word.begin;
    mark->end = word.end;
    marks.push_back(std::move(*mark));
  }
  return marks;
}

std::string strip_leading_tabs(std::string_view content) {
  std::string result;
  result.reserve(content.size());
  bool at_line_start = true;
  for (const char c : content) {
    if (at_line_start && c == '\t') continue;
    at_line_start = c == '\n';
    result += c;
  }
  return result;
}

}  // namespace ecrin::recipes::containerfile
