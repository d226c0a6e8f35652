#include "recipes/containerfile/flags.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"

namespace ecrin::recipes::containerfile {
namespace {

std::unexpected<Error> refuse_unknown(const InstructionText& text, const Flag& flag,
                                      std::span<const FlagRule> rules) {
  std::vector<std::string_view> names;
  for (const FlagRule& rule : rules) names.push_back(rule.name);
  const std::string near = flag.name.size() < 64 ? did_you_mean(flag.name, names) : "";
  const std::string_view none = names.empty() ? ", which has no flags" : "";
  return text.refuse(flag.span, fmt::format("unknown flag '--{}' of {}{}{}", printable(flag.name, 80),
                                            text.name, none, near));
}

Word value_of(const InstructionText& text, const Flag& flag) {
  const std::string_view written = text.source->text(flag.span);
  const std::size_t equals = std::min(written.find('='), written.size() - 1);
  return {.text = flag.value.value_or(""),
          .span = {flag.span.begin + equals + 1, flag.span.length - equals - 1}};
}

}  // namespace

Result<> check_flags(const InstructionText& text, std::span<const FlagRule> rules) {
  std::set<std::string_view> seen;
  for (const Flag& flag : text.flags) {
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const FlagRule& candidate) { return candidate.name == flag.name; });
    if (rule == rules.end()) return refuse_unknown(text, flag, rules);
    const bool first = seen.insert(rule->name).second;
    if (!first && rule->kind != FlagRule::Kind::texts) {
      return text.refuse(flag.span, fmt::format("{} has the flag '--{}' twice", text.name, rule->name));
    }
    if (rule->kind != FlagRule::Kind::boolean) {
      if (!flag.value) {
        return text.refuse(flag.span,
                           fmt::format("the flag '--{}' of {} needs a value", rule->name, text.name),
                           fmt::format("write --{}=VALUE, without a space", rule->name));
      }
      continue;
    }
    const std::string value = to_lower(flag.value.value_or("true"));
    if (value == "true" || value == "false") continue;
    return text.refuse(flag.span, fmt::format("the flag '--{}' of {} is true or false, not '{}'", rule->name,
                                              text.name, printable(value, 40)));
  }
  return {};
}

std::optional<Word> flag_value(const InstructionText& text, std::string_view name) {
  for (const Flag& flag : text.flags) {
    if (flag.name == name) return value_of(text, flag);
  }
  return {};
}

std::vector<Word> flag_values(const InstructionText& text, std::string_view name) {
  std::vector<Word> values;
  for (const Flag& flag : text.flags) {
    if (flag.name == name) values.push_back(value_of(text, flag));
  }
  return values;
}

std::optional<bool> flag_boolean(const InstructionText& text, std::string_view name) {
  const std::optional<Word> value = flag_value(text, name);
  if (!value) return {};
  return to_lower(value->text) != "false";
}

}  // namespace ecrin::recipes::containerfile
