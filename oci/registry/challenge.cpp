#include "oci/registry/challenge.hpp"

#include <optional>
#include <string_view>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_header_limit = 16 * 1024;
constexpr std::size_t k_challenge_limit = 16;
constexpr std::size_t k_parameter_limit = 32;

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token68_character(char c) {
  return is_token_character(c) || c == '/' || c == '=';
}

// Reads one header from left to right. Each read_ function moves on only when it found what it looks for.
class Reader {
public:
  explicit Reader(std::string_view text) : m_rest(text) {}

  bool at_end() const { return m_rest.empty(); }
  bool skip_blanks() {
    const std::size_t before = m_rest.size();
    while (!m_rest.empty() && (m_rest.front() == ' ' || m_rest.front() == '\t')) m_rest.remove_prefix(1);
    return m_rest.size() != before;
  }
  /// Lists may have empty elements: ", ,".
  void skip_separators() {
    while (skip_blanks() || skip(',')) {
    }
  }
  bool skip(char c) {
    if (m_rest.empty() || m_rest.front() != c) return false;
    m_rest.remove_prefix(1);
    return true;
  }
  std::string read_token() {
    std::size_t size = 0;
    while (size < m_rest.size() && is_token_character(m_rest[size])) ++size;
    std::string token(m_rest.substr(0, size));
    m_rest.remove_prefix(size);
    return token;
  }
  std::optional<std::string> read_value() {
    if (!skip('"')) {
      std::string token = read_token();
      return token.empty() ? std::nullopt : std::optional(std::move(token));
    }
    std::string value;
    while (!m_rest.empty()) {
      const char c = m_rest.front();
      m_rest.remove_prefix(1);
      if (c == '"') return value;
      if (c != '\\') {
        value += c;
      } else if (!m_rest.empty()) {
        value += m_rest.front();
        m_rest.remove_prefix(1);
      }
    }
    return std::nullopt;  // the closing quote is missing
  }
  /// name = value, or nothing (and nothing read): then a token here is the next scheme.
  std::optional<std::pair<std::string, std::string>> read_parameter() {
    const std::string_view start = m_rest;
    std::string name = to_lower(read_token());
    skip_blanks();
    if (!name.empty() && skip('=')) {
      skip_blanks();
      if (std::optional<std::string> value = read_value()) {
        skip_blanks();
        if (at_end() || m_rest.front() == ',') return std::pair(std::move(name), std::move(*value));
      }
    }
    m_rest = start;
    return std::nullopt;
  }
  /// The form of "Negotiate": one word that may end in '='. Its value is of no use to us.
  bool skip_token68() {
    std::size_t size = 0;
    while (size < m_rest.size() && is_token68_character(m_rest[size])) ++size;
    std::size_t after = size;
    while (after < m_rest.size() && (m_rest[after] == ' ' || m_rest[after] == '\t')) ++after;
    if (size == 0 || (after < m_rest.size() && m_rest[after] != ',')) return false;
    m_rest.remove_prefix(after);
    return true;
  }

private:
  std::string_view m_rest;
};

void read_parameters(Reader& reader, Challenge& challenge) {
  for (;;) {
    auto parameter = reader.read_parameter();
    if (!parameter) return;
    if (challenge.parameters.size() < k_parameter_limit) challenge.parameters.insert(std::move(*parameter));
    reader.skip_separators();
  }
}

void parse_header(std::string_view text, std::vector<Challenge>& challenges) {
  Reader reader(text);
  reader.skip_separators();
  while (!reader.at_end() && challenges.size() < k_challenge_limit) {
    Challenge challenge{.scheme = to_lower(reader.read_token()), .parameters = {}};
    if (challenge.scheme.empty()) return;
    const bool spaced = reader.skip_blanks();
    if (spaced) {
      read_parameters(reader, challenge);
      if (challenge.parameters.empty()) (void)reader.skip_token68();
    } else if (!reader.at_end() && !reader.skip(',')) {
      return;
    }
    challenges.push_back(std::move(challenge));
    reader.skip_separators();
  }
}

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

std::vector<Challenge> parse_challenges(const std::vector<std::string>& headers) {
  std::vector<Challenge> challenges;
  for (const std::string& header : headers)
    if (header.size() <= k_header_limit) parse_header(header, challenges);
  return challenges;
}

}  // namespace ecrin::oci
