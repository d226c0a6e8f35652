#include "build/pattern.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/utf8.hpp"

namespace ecrin::build {

namespace {

// Takes one character off the front. A byte that is not UTF-8 is one that nothing else is equal to.
char32_t next_character(std::string_view text, std::size_t& position) {
  constexpr char32_t k_first_byte = 0x110000;
  const auto byte = static_cast<unsigned char>(text[position]);
  if (byte < 0x80) {
    ++position;
    return byte;
  }
  const CodePoint point = decode_utf8(text.substr(position));
  position += std::max<std::size_t>(point.length, 1);
  return point.length == 0 ? k_first_byte + byte : point.value;
}

}  // namespace

bool has_wildcard(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '*' || text[i] == '?' || text[i] == '[') {
      return true;
    }
  }
  return false;
}

Result<> Pattern::add_set(std::string_view text, std::size_t& position) {
  const auto malformed = [&] { return fail(ErrorKind::invalid, "malformed pattern '{}'", printable(text)); };
  Token token{.kind = Token::Kind::set};
  std::size_t i = position + 1;
  if (i < text.size() && text[i] == '^') {
    token.negated = true;
    ++i;
  }
  const auto next = [&](char32_t& out) {
    if (i < text.size() && text[i] == '\\') ++i;
    if (i >= text.size()) return false;
    out = next_character(text, i);
    return true;
  };
  while (i < text.size() && (text[i] != ']' || token.ranges.empty())) {
    if (text[i] == '-' || text[i] == ']') return malformed();
    char32_t low = 0;
    if (!next(low)) return malformed();
    char32_t high = low;
    if (i < text.size() && text[i] == '-') {
      ++i;
      if (i >= text.size() || text[i] == ']' || !next(high)) return malformed();
    }
    token.ranges.emplace_back(low, high);
  }
  if (i >= text.size()) return malformed();
  position = i;
  m_tokens.push_back(std::move(token));
  return {};
}

Result<Pattern> Pattern::compile(std::string_view text, Stars stars) {
  Pattern pattern;
  const auto add = [&](Token::Kind kind, char32_t character = 0) {
    // Twice the same of these is once.
    const bool repeats = (kind == Token::Kind::star || kind == Token::Kind::directories) &&
                         !pattern.m_tokens.empty() && pattern.m_tokens.back().kind == kind;
    if (!repeats) pattern.m_tokens.push_back({.kind = kind, .character = character});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '*' || c == '?' || c == '[') pattern.m_is_literal = false;
    const bool crosses = stars == Stars::across_directories;
    if (crosses && c == '*' && i + 1 < text.size() && text[i + 1] == '*') {
      while (i + 1 < text.size() && text[i + 1] == '*') ++i;
      // "**/" is "**": the directories that it stands for bring their slashes.
      if (i + 1 < text.size() && text[i + 1] == '/') ++i;
      add(i + 1 == text.size() ? Token::Kind::anything : Token::Kind::directories);
      pattern.m_depth = SIZE_MAX;
    } else if (c == '*') {
      add(Token::Kind::star);
    } else if (c == '?') {
      add(Token::Kind::any_character);
    } else if (c == '[') {
      TRY(pattern.add_set(text, i));
    } else {
      if (c == '\\') {
        if (++i == text.size()) {
          return fail(ErrorKind::invalid, "malformed pattern '{}': nothing follows the backslash",
                      printable(text));
        }
      }
      if (text[i] == '/' && pattern.m_depth != SIZE_MAX) ++pattern.m_depth;
      std::size_t end = i;
      add(Token::Kind::character, next_character(text, end));
      if (pattern.m_is_literal) pattern.m_literal += text.substr(i, end - i);
      i = end - 1;
    }
  }
  const std::size_t slash = pattern.m_literal.rfind('/');
  if (slash != std::string::npos) pattern.m_literal_directory = pattern.m_literal.substr(0, slash);
  return pattern;
}

bool Pattern::matches(std::string_view path) const {
  // One set of live states (positions in the token list) carried over the path: no backtracking. Those that
  // count are below `high`, which grows with the path: of a pattern that is longer, the rest is not looked
  // at.
  const std::size_t end = m_tokens.size();
  // A character leads one further, and at most two states in a row need none.
  const std::size_t reach = std::min(end + 1, 3 * path.size() + 4);
  std::vector<char> live(reach, 0), next(reach, 0);
  std::size_t high = 1;
  // States that need no character: a star may be empty; "directories" may be none, at the start of a name.
  const auto close = [&](std::vector<char>& states) {
    for (std::size_t i = 0; i < std::min(high, end); ++i) {
      if (!states[i]) continue;
      const Token::Kind kind = m_tokens[i].kind;
      // A "directories" state in the middle of its own run is entered as i with mark 2: it leaves at slashes
      // only.
      if (kind == Token::Kind::star || kind == Token::Kind::anything ||
          (kind == Token::Kind::directories && states[i] == 1)) {
        states[i + 1] = 1;
        high = std::max(high, i + 2);
      }
    }
  };
  live[0] = 1;
  close(live);
  for (std::size_t position = 0; position < path.size();) {
    const char32_t c = next_character(path, position);
    std::fill_n(next.begin(), std::min(high, end) + 1, char{0});
    std::size_t next_high = 0;
    const auto enter = [&](std::size_t i, char mark = 1) {
      next[i] = mark;
      next_high = std::max(next_high, i + 1);
    };
    for (std::size_t i = 0; i < std::min(high, end); ++i) {
      if (!live[i]) continue;
      const Token& token = m_tokens[i];
      switch (token.kind) {
        case Token::Kind::character:
          if (c == token.character) enter(i + 1);
          break;
        case Token::Kind::any_character:
          if (c != '/') enter(i + 1);
          break;
        case Token::Kind::star:
          if (c != '/') enter(i);
          break;
        case Token::Kind::anything:
          enter(i);
          break;
        case Token::Kind::directories:
          enter(i, c == '/' || next[i] == 1 ? char{1} : char{2});
          break;
        case Token::Kind::set: {
          bool in = false;
          for (const auto& [from, to] : token.ranges) in = in || (from <= c && c <= to);
          if (in != token.negated && c != '/') enter(i + 1);
          break;
        }
      }
    }
    if (next_high == 0) return false;
    high = next_high;
    close(next);
    live.swap(next);
  }
  return end < high && live[end] != 0;
}

std::string clean_path(std::string_view path) {
  const bool absolute = path.starts_with('/');
  std::vector<std::string> names;
  for (std::string& name : split(path, '/')) {
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (!names.empty() && names.back() != "..") {
        names.pop_back();
        continue;
      }
      if (absolute) continue;
    }
    names.push_back(std::move(name));
  }
  std::string cleaned = (absolute ? "/" : "") + join(names, "/");
  return cleaned.empty() ? "." : cleaned;
}

std::string relative_to_root(std::string_view path) {
  return clean_path(fmt::format("/{}", path)).substr(1);
}

std::string join_path(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  if (name.empty()) return std::string(directory);
  std::string path;
  path.reserve(directory.size() + 1 + name.size());
  path += directory;
  if (!directory.ends_with('/')) path += '/';
  path += name;
  return path;
}

std::string parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash));
}

std::string base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

}  // namespace ecrin::build
