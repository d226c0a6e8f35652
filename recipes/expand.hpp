// ${NAME} in a recipe's text becomes the value of a declared argument. Pure text to text, and bounded: a
// recipe cannot grow without end by arguments that hold arguments.
//
//   ${NAME}           the value; an error when NAME is not declared or has no value
//   ${NAME:-default}  the value, or `default` (literal text) when there is none or it is empty
//   $$                one dollar sign; a single `$` before anything but `{` stays as it is
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::recipes {

/// Declared arguments; without a value: declared, but neither a default nor --build-arg gives one.
using Arguments = std::map<std::string, std::optional<std::string>, std::less<>>;

inline constexpr std::string_view k_expansion_limit_message =
    "the recipe's text grows above 1 MiB by its arguments";

struct ExpandFailure {
  ErrorKind kind = ErrorKind::invalid;
  std::size_t begin = 0;  // in the text that was to be expanded
  std::size_t length = 0;
  std::string message;
  std::string hint;        // "" = none
  std::string undeclared;  // the name, where that is the failure
};

/// `budget` is what all expansions together may still write; it shrinks by the size of the result.
std::expected<std::string, ExpandFailure> expand(std::string_view text, const Arguments& arguments,
                                                 std::size_t& budget);

/// A variable that a shell script mentions: $NAME, ${NAME} or ${NAME<operator>...}.
struct Mention {
  std::string name;
  std::size_t begin = 0;
  std::size_t length = 0;
  bool has_operator = false;  // the shell itself knows what to do without a value
};
std::vector<Mention> mentioned_variables(std::string_view script);

/// [A-Za-z_][A-Za-z0-9_]*
bool is_variable_name(std::string_view name);

}  // namespace ecrin::recipes
