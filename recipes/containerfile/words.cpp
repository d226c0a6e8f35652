#include "recipes/containerfile/words.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "recipes/containerfile/word_pattern.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr std::size_t k_nesting_limit = 20'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool continues_name(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_';
}
bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// Something that is open: the word itself, "...", or ${NAME<operator>...}. They nest by a stack of our own,
/// because a hostile word may nest deeper than ours.
struct Frame {
  enum class Kind { word, double_quotes, substitution };
  Kind kind = Kind::word;
  bool keeps_escapes = false;
  std::string text = {};
  // substitution
  std::string name = {};
  char operation = 0;  // - + ? # % /
  bool with_colon = false;
  bool replaces_all = false;
  std::optional<std::string> pattern = {};  // '/': its first part is read
  char end() const { return operation == '/' && !pattern ? '/' : '}'; }
};

class Expander {
public:
  Expander(std::string_view word, const VariableLookup& lookup, const WordRules& rules,
           ExpansionBudget& budget)
      : m_word(word), m_lookup(lookup), m_rules(rules), m_budget(budget) {
    m_frames.emplace_back();
  }
  Result<ExpandedWord> run();

private:
  Result<> step();
  Result<> in_quotes(char c);
  Result<> in_word(char c);
  Result<> dollar();
  Result<> open_substitution();
  Result<> close_substitution();
  Result<std::string> substitute(const Frame& frame);
  Result<> push(Frame frame);
  std::string read_name();
  const std::string* look_up(const std::string& name);

  Frame& top() { return m_frames.back(); }
  bool at_end() const { return m_at == m_word.size(); }
  /// Text that is quoted, or that stands there: never cut into words.
  void add_whole(std::string_view text) {
    top().text += text;
    if (m_frames.size() > 1) return;
    m_current += text;
    m_in_word = true;
  }
  void add_splitting(std::string_view text) {
    top().text += text;
    if (m_frames.size() > 1) return;
    for (const char c : text) {
      if (!is_space(c)) {
        m_current += c;
        m_in_word = true;
      } else if (m_in_word && !m_current.empty()) {
        end_word();
      }
    }
  }
  void end_word() {
    if (!m_current.empty()) m_result.words.push_back(std::move(m_current));
    m_current.clear();
    m_in_word = false;
  }
  void add_result(std::string_view text) {
    top().kind == Frame::Kind::double_quotes ? add_whole(text) : add_splitting(text);
  }
  /// The value of a variable, into what is open.
  Result<> add_value(std::string_view value) {
    TRY(spend_text(m_budget, value.size()));
    add_result(value);
    return {};
  }

  std::string_view m_word;
  const VariableLookup& m_lookup;
  const WordRules& m_rules;
  ExpansionBudget& m_budget;
  std::size_t m_at = 0;
  std::vector<Frame> m_frames;
  std::string m_current;
  bool m_in_word = false;
  ExpandedWord m_result;
};

std::unexpected<Error> not_closed(std::string_view what) {
  return fail(ErrorKind::invalid, "{} is not closed", what);
}

const std::string* Expander::look_up(const std::string& name) {
  const std::string* value = m_lookup(name);
  if (value == nullptr) m_result.undefined.push_back(name);
  return value;
}

Result<> Expander::push(Frame frame) {
  if (m_frames.size() > k_nesting_limit)
    return fail(ErrorKind::limit, "more than {} variables and quotes within each other", k_nesting_limit);
  m_frames.push_back(std::move(frame));
  return {};
}

/// A name, a number, or one of the shell's special parameters, which are never set.
std::string Expander::read_name() {
  const std::size_t begin = m_at;
  if (at_end()) return "";
  const char first = m_word[m_at];
  if (is_digit(first)) {
    while (!at_end() && is_digit(m_word[m_at])) ++m_at;
  } else if (std::string_view("@*#?-$!").contains(first)) {
    ++m_at;
  } else {
    while (!at_end() && continues_name(m_word[m_at])) ++m_at;
  }
  return std::string(m_word.substr(begin, m_at - begin));
}

Result<> Expander::dollar() {
  ++m_at;
  if (!at_end() && m_word[m_at] == '{') return open_substitution();
  const std::string name = read_name();
  if (name.empty()) {
    add_whole("$");
    return {};
  }
  const std::string* value = look_up(name);
  return value == nullptr ? Result<>() : add_value(*value);
}

Result<> Expander::open_substitution() {
  const std::size_t begin = m_at - 1;
  const auto shown = [&] { return printable(m_word.substr(begin, m_at + 1 - begin), 80); };
  ++m_at;
  if (at_end()) return not_closed("'${'");
  if (std::string_view("{}:").contains(m_word[m_at]))
    return fail(ErrorKind::invalid, "'{}' names no variable", shown());
  Frame frame{.kind = Frame::Kind::substitution, .name = read_name()};
  if (at_end()) return not_closed(fmt::format("'{}'", shown()));
  if (m_word[m_at] == '}') {
    ++m_at;
    const std::string* value = look_up(frame.name);
    return value == nullptr ? Result<>() : add_value(*value);
  }
  frame.with_colon = m_word[m_at] == ':';
  if (frame.with_colon) ++m_at;
  if (at_end()) return not_closed(fmt::format("'{}'", shown()));
  frame.operation = m_word[m_at];
  const std::string_view known = frame.with_colon ? "-+?" : "-+?#%/";
  if (frame.name.empty() || !known.contains(frame.operation))
    return fail(ErrorKind::invalid, "'{}' is not understood", shown());
  ++m_at;
  frame.keeps_escapes = std::string_view("#%/").contains(frame.operation);
  frame.replaces_all = frame.operation == '/' && !at_end() && m_word[m_at] == '/';
  if (frame.replaces_all) ++m_at;
  return push(std::move(frame));
}

Result<std::string> Expander::substitute(const Frame& frame) {
  const std::string* found = look_up(frame.name);
  const std::string value = found ? *found : "";
  const bool counts = found != nullptr && !(frame.with_colon && value.empty());
  TRY(spend_text(m_budget, value.size()));
  switch (frame.operation) {
    case '-':
      return counts ? value : frame.text;
    case '+':
      return counts ? frame.text : std::string();
    case '?': {
      if (counts) return value;
      const std::string_view why = !frame.text.empty() ? std::string_view(frame.text)
                                   : found == nullptr  ? "has no value"
                                                       : "is empty";
      return fail(ErrorKind::invalid, "{}: {}", frame.name, printable(why));
    }
    case '/': {
      const WordPattern pattern = TRY(WordPattern::compile(*frame.pattern));
      return pattern.replaced(value, frame.text,
                              frame.replaces_all ? WordPattern::Count::all : WordPattern::Count::first,
                              m_budget);
    }
    default: {
      std::string_view text = frame.text;
      const bool longest = text.starts_with(frame.operation);
      if (longest) text.remove_prefix(1);
      const WordPattern pattern = TRY(WordPattern::compile(text));
      const auto length = longest ? WordPattern::Length::longest : WordPattern::Length::shortest;
      return frame.operation == '#' ? pattern.without_start(value, length, m_budget)
                                    : pattern.without_end(value, length, m_budget);
    }
  }
}

Result<> Expander::close_substitution() {
  Frame& frame = top();
  if (frame.operation == '/' && !frame.pattern) {
    frame.pattern = std::move(frame.text);
    frame.text.clear();
    return {};
  }
  const std::string result = TRY(substitute(frame));
  m_frames.pop_back();
  TRY(spend_work(m_budget, result.size()));
  add_result(result);
  return {};
}

Result<> Expander::in_quotes(char c) {
  ++m_at;
  if (c == '"') {
    const std::string text = std::move(top().text);
    m_frames.pop_back();
    TRY(spend_work(m_budget, text.size()));
    add_whole(text);
    return {};
  }
  if (c == m_rules.escape) {
    if (top().keeps_escapes) top().text += c;
    if (at_end()) return {};
    const char next = m_word[m_at];
    if (next == '"' || next == '$' || next == m_rules.escape) {
      c = next;
      ++m_at;
    }
  }
  top().text += c;
  return {};
}

Result<> Expander::in_word(char c) {
  if (top().kind == Frame::Kind::substitution && c == top().end()) {
    ++m_at;
    return close_substitution();
  }
  if (m_rules.quotes && c == '\'') {
    const std::size_t close = m_word.find('\'', m_at + 1);
    if (close == std::string_view::npos) return not_closed("a single quote");
    add_whole(m_word.substr(m_at + 1, close - m_at - 1));
    m_at = close + 1;
    return {};
  }
  if (m_rules.quotes && c == '"') {
    ++m_at;
    return push({.kind = Frame::Kind::double_quotes, .keeps_escapes = top().keeps_escapes});
  }
  ++m_at;
  if (c != m_rules.escape) {
    add_splitting({&c, 1});
    return {};
  }
  if (top().keeps_escapes) add_whole({&c, 1});
  if (!at_end()) add_whole(m_word.substr(m_at++, 1));
  return {};
}

Result<> Expander::step() {
  const char c = m_word[m_at];
  if (c == '$') return dollar();
  return top().kind == Frame::Kind::double_quotes ? in_quotes(c) : in_word(c);
}

Result<ExpandedWord> Expander::run() {
  while (!at_end()) TRY(step());
  if (top().kind == Frame::Kind::double_quotes) return not_closed("a double quote");
  if (top().kind == Frame::Kind::substitution)
    return not_closed(fmt::format("'${{{}'", printable(top().name, 80)));
  end_word();
  m_result.text = std::move(top().text);
  return std::move(m_result);
}

}  // namespace

Result<> spend_text(ExpansionBudget& budget, std::size_t bytes) {
  if (bytes > budget.text)
    return fail(ErrorKind::limit,
                "the file grows by more than 16 MiB by its variables and by what its stages take over");
  budget.text -= bytes;
  return {};
}

Result<> spend_work(ExpansionBudget& budget, std::size_t characters) {
  if (characters > budget.work) return fail(ErrorKind::limit, "the variables of the file take too much work");
  budget.work -= characters;
  return {};
}

Result<ExpandedWord> expand_word(std::string_view word, const VariableLookup& lookup, const WordRules& rules,
                                 ExpansionBudget& budget) {
  return Expander(word, lookup, rules, budget).run();
}

}  // namespace ecrin::recipes::containerfile
