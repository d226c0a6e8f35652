#include "recipes/containerfile/word_pattern.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace ecrin::recipes::containerfile {
namespace {

/// The length of the UTF-8 sequence at the start; 1 for a byte that begins none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length > text.size()) return 1;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 1;
  }
  return length;
}

std::vector<std::string_view> characters_of(std::string_view text) {
  std::vector<std::string_view> result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    result.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return result;
}

constexpr std::size_t k_none = SIZE_MAX;
constexpr std::size_t k_state_cost = 8;  // of looking at a state, in bytes moved

/// Live states of a pattern, each with the place where its match began: no backtracking, and a state is
/// visited once a character.
class States {
public:
  explicit States(std::size_t count) : m_begin(count, k_none) {}
  void add(std::size_t state, std::size_t begin) {
    if (m_begin[state] == k_none) m_live.push_back(state);
    m_begin[state] = std::min(m_begin[state], begin);
  }
  const std::vector<std::size_t>& live() const { return m_live; }
  std::size_t begin(std::size_t state) const { return m_begin[state]; }
  void clear() {
    for (const std::size_t state : m_live) m_begin[state] = k_none;
    m_live.clear();
  }

private:
  std::vector<std::size_t> m_live;
  std::vector<std::size_t> m_begin;
};

}  // namespace

Result<WordPattern> WordPattern::compile(std::string_view pattern) {
  WordPattern result;
  for (std::size_t at = 0; at < pattern.size();) {
    std::size_t length = sequence_length(pattern.substr(at));
    std::string_view character = pattern.substr(at, length);
    at += length;
    if (character == "*") {
      // Several are one.
      if (result.m_tokens.empty() || result.m_tokens.back().kind != Token::Kind::star)
        result.m_tokens.push_back({.kind = Token::Kind::star});
      continue;
    }
    if (character == "?") {
      result.m_tokens.push_back({.kind = Token::Kind::any});
      continue;
    }
    if (character == "\\") {
      length = at < pattern.size() ? sequence_length(pattern.substr(at)) : 0;
      character = pattern.substr(at, length);
      at += length;
      const bool good = character.size() == 1 && std::string_view("*?\\}/").contains(character[0]);
      if (!good) {
        return fail(ErrorKind::invalid, "'\\{}' in the pattern '{}' is no escape", printable(character),
                    printable(pattern, 80));
      }
    }
    result.m_tokens.push_back({.kind = Token::Kind::character, .character = std::string(character)});
  }
  return result;
}

bool WordPattern::fits(const Token& token, std::string_view character) {
  if (token.kind == Token::Kind::character) return token.character == character;
  return character != "\n";
}

Result<std::optional<std::size_t>> WordPattern::match_start(const std::vector<Token>& tokens,
                                                            const Characters& text, Length length,
                                                            ExpansionBudget& budget) {
  const std::size_t end = tokens.size();
  States live(end + 1), next(end + 1);
  const auto enter = [&](States& states, std::size_t state) {
    states.add(state, 0);
    if (state < end && tokens[state].kind == Token::Kind::star) states.add(state + 1, 0);
  };
  TRY(spend_work(budget, end + 1));
  enter(live, 0);
  std::optional<std::size_t> best;
  for (std::size_t at = 0; !live.live().empty(); ++at) {
    if (live.begin(end) != k_none) {
      best = at;
      if (length == Length::shortest) break;
    }
    if (at == text.size()) break;
    TRY(spend_work(budget, live.live().size() * k_state_cost));
    next.clear();
    for (const std::size_t state : live.live()) {
      if (state == end || !fits(tokens[state], text[at])) continue;
      enter(next, tokens[state].kind == Token::Kind::star ? state : state + 1);
    }
    std::swap(live, next);
  }
  return best;
}

Result<std::optional<WordPattern::Match>> WordPattern::find(const Characters& text, std::size_t from,
                                                            ExpansionBudget& budget) const {
  const std::size_t end = m_tokens.size();
  States live(end + 1), next(end + 1);
  const auto enter = [&](States& states, std::size_t state, std::size_t begin) {
    states.add(state, begin);
    if (state < end && m_tokens[state].kind == Token::Kind::star) states.add(state + 1, begin);
  };
  TRY(spend_work(budget, end + 1));
  std::optional<Match> best;
  for (std::size_t at = from;; ++at) {
    if (!best) enter(live, 0, at);
    if (live.begin(end) != k_none && (!best || live.begin(end) <= best->begin))
      best = Match{.begin = live.begin(end), .end = at};
    if (at == text.size()) break;
    TRY(spend_work(budget, (live.live().size() + 1) * k_state_cost));
    next.clear();
    for (const std::size_t state : live.live()) {
      // What begins behind a match cannot become the leftmost one.
      if (state == end || (best && live.begin(state) > best->begin) || !fits(m_tokens[state], text[at]))
        continue;
      enter(next, m_tokens[state].kind == Token::Kind::star ? state : state + 1, live.begin(state));
    }
    std::swap(live, next);
    if (best && live.live().empty()) break;
  }
  return best;
}

Result<std::string> WordPattern::without_start(std::string_view value, Length length,
                                               ExpansionBudget& budget) const {
  const Characters text = characters_of(value);
  const std::optional<std::size_t> end = TRY(match_start(m_tokens, text, length, budget));
  std::string result;
  for (std::size_t i = end.value_or(0); i < text.size(); ++i) result += text[i];
  return result;
}

Result<std::string> WordPattern::without_end(std::string_view value, Length length,
                                             ExpansionBudget& budget) const {
  Characters text = characters_of(value);
  std::reverse(text.begin(), text.end());
  std::vector<Token> tokens = m_tokens;
  std::reverse(tokens.begin(), tokens.end());
  const std::optional<std::size_t> end = TRY(match_start(tokens, text, length, budget));
  std::string result;
  for (std::size_t i = text.size(); i > end.value_or(0); --i) result += text[i - 1];
  return result;
}

Result<std::string> WordPattern::replaced(std::string_view value, std::string_view replacement, Count count,
                                          ExpansionBudget& budget) const {
  const Characters text = characters_of(value);
  std::string result;
  std::size_t copied = 0;
  const auto copy_until = [&](std::size_t end) {
    for (; copied < end; ++copied) result += text[copied];
  };
  for (std::size_t at = 0; at <= text.size();) {
    const std::optional<Match> match = TRY(find(text, at, budget));
    if (!match) break;
    const bool is_empty_behind_another = match->end == copied && match->begin > 0;
    copy_until(match->begin);
    if (!is_empty_behind_another) {
      TRY(spend_text(budget, replacement.size()));
      result += replacement;
    }
    copied = match->end;
    at = std::max(at + 1, match->end);
    if (count == Count::first) break;
  }
  copy_until(text.size());
  return result;
}

}  // namespace ecrin::recipes::containerfile
