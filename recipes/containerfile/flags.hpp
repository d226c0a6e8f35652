// Flags of an instruction against those that it has.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "recipes/containerfile/arguments.hpp"

namespace ecrin::recipes::containerfile {

struct FlagRule {
  enum class Kind { text, texts, boolean };  // texts: may be given several times
  std::string_view name;
  Kind kind = Kind::text;
};

/// Unknown flags, flags given twice, values that are missing or not true or false are errors.
Result<> check_flags(const InstructionText& text, std::span<const FlagRule> rules);

/// For flags that are checked:
std::optional<Word> flag_value(const InstructionText& text, std::string_view name);
std::vector<Word> flag_values(const InstructionText& text, std::string_view name);
std::optional<bool> flag_boolean(const InstructionText& text, std::string_view name);

}  // namespace ecrin::recipes::containerfile
