// Patterns in ${NAME#pattern} and its relatives: '*' is any text within a line, '?' one character, '\' takes
// the meaning from '*', '?' and '\'. All other characters mean themselves.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "recipes/containerfile/words.hpp"

namespace ecrin::recipes::containerfile {

class WordPattern {
public:
  static Result<WordPattern> compile(std::string_view pattern);

  enum class Length { shortest, longest };
  /// `value` without the start that fits; whole when none does.
  Result<std::string> without_start(std::string_view value, Length length, ExpansionBudget& budget) const;
  Result<std::string> without_end(std::string_view value, Length length, ExpansionBudget& budget) const;

  enum class Count { first, all };
  /// The leftmost, longest pieces that fit become `replacement`.
  Result<std::string> replaced(std::string_view value, std::string_view replacement, Count count,
                               ExpansionBudget& budget) const;

private:
  struct Token {
    enum class Kind { character, any, star };
    Kind kind = Kind::character;
    std::string character = {};
  };
  using Characters = std::vector<std::string_view>;
  struct Match {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  static bool fits(const Token& token, std::string_view character);
  static Result<std::optional<std::size_t>> match_start(const std::vector<Token>& tokens,
                                                        const Characters& text, Length length,
                                                        ExpansionBudget& budget);
  Result<std::optional<Match>> find(const Characters& text, std::size_t from, ExpansionBudget& budget) const;

  std::vector<Token> m_tokens;
};

}  // namespace ecrin::recipes::containerfile
