// FROM, ARG, ENV, LABEL, ONBUILD: names and values.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/instructions.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr FlagRule k_from_flags[] = {{"platform"}};

bool is_stage_name(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && is_letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

Assignment assignment(const InstructionText& text, const Word& word, std::size_t equals) {
  // The word is a part of the line as it is, so its places are found by counting.
  Assignment result;
  result.name.text = word.text.substr(0, equals);
  result.value.text = word.text.substr(equals + 1);
  const std::string_view written = text.source->text(word.span);
  const std::size_t at = std::min(written.find('='), written.size() - 1);
  result.name.span = {word.span.begin, at};
  result.value.span = {word.span.begin + at + 1, word.span.length - at - 1};
  return result;
}

/// "NAME the rest": the value is all that follows, with its quotes.
Result<std::vector<Assignment>> read_legacy_assignment(const InstructionText& text) {
  const Keyword name = split_keyword(std::string_view(text.line->text).substr(0, text.end), text.begin);
  if (name.arguments >= text.end) {
    return text.refuse(text.arguments_span(), fmt::format("{} requires a name and a value", text.name),
                       fmt::format("write {} {}=VALUE", text.name, printable(name.name, 40)));
  }
  return std::vector<Assignment>{{.name = text.word(text.begin, text.begin + name.name.size()),
                                  .value = text.word(name.arguments, text.end)}};
}

}  // namespace

Result<InstructionKind> read_from(const InstructionText& text) {
  std::vector<Word> words = split_words(text);
  if (words.empty())
    return text.refuse(text.keyword_span, "FROM requires an image", "FROM scratch begins with nothing");
  FromInstruction from;
  if (words.size() != 1) {
    const bool right = words.size() == 3 && to_lower(words[1].text) == "as";
    if (!right) {
      return text.refuse(text.arguments_span(),
                         "FROM requires either one or three arguments: IMAGE, or IMAGE AS NAME");
    }
    from.name = to_lower(words[2].text);
    from.name_span = words[2].span;
    from.as_span = words[1].span;
    if (!is_stage_name(from.name)) {
      return text.refuse(from.name_span,
                         fmt::format("'{}' cannot be the name of a stage", printable(words[2].text, 80)),
                         "a name begins with a letter; letters, digits, '-', '_' and '.' follow");
    }
  }
  TRY(check_flags(text, k_from_flags));
  from.image = std::move(words[0]);
  from.platform = flag_value(text, "platform");
  return from;
}

Result<InstructionKind> read_arg(const InstructionText& text) {
  TRY(check_flags(text, {}));
  ArgInstruction arg;
  for (Word& word : split_quoted_words(text)) {
    const std::size_t equals = word.text.find('=');
    if (equals == 0) return text.refuse(word.span, "the name of an ARG is empty");
    if (equals == std::string::npos) {
      arg.items.push_back({.name = std::move(word.text), .value = {}, .span = word.span});
      continue;
    }
    Assignment parts = assignment(text, word, equals);
    arg.items.push_back(
        {.name = std::move(parts.name.text), .value = std::move(parts.value), .span = parts.name.span});
  }
  if (arg.items.empty()) return text.refuse(text.keyword_span, "ARG requires at least one argument");
  return arg;
}

Result<std::vector<Assignment>> read_assignments(const InstructionText& text, bool& legacy) {
  const std::vector<Word> words = split_quoted_words(text);
  if (words.empty()) {
    return text.refuse(text.keyword_span, fmt::format("{} requires at least one argument", text.name),
                       fmt::format("write {} NAME=VALUE", text.name));
  }
  legacy = !words[0].text.contains('=');
  if (legacy) return read_legacy_assignment(text);
  std::vector<Assignment> assignments;
  assignments.reserve(words.size());
  for (const Word& word : words) {
    const std::size_t equals = word.text.find('=');
    if (equals == std::string::npos) {
      return text.refuse(word.span, fmt::format("'{}' is not NAME=VALUE", printable(word.text, 80)),
                         "a value with spaces stands in quotes");
    }
    if (equals == 0) return text.refuse(word.span, fmt::format("a name in {} is empty", text.name));
    assignments.push_back(assignment(text, word, equals));
  }
  return assignments;
}

Result<InstructionKind> read_env(const InstructionText& text) {
  TRY(check_flags(text, {}));
  EnvInstruction env;
  env.variables = TRY(read_assignments(text, env.legacy));
  return env;
}

Result<InstructionKind> read_label(const InstructionText& text) {
  TRY(check_flags(text, {}));
  LabelInstruction label;
  label.labels = TRY(read_assignments(text, label.legacy));
  return label;
}

Result<InstructionKind> read_onbuild(const InstructionText& text, const std::vector<Heredoc>& heredocs) {
  TRY(check_flags(text, {}));
  if (text.empty()) {
    return text.refuse(text.keyword_span, "ONBUILD requires an instruction", "write ONBUILD RUN make");
  }
  const InstructionText inner = take_apart(*text.source, *text.line, text.escape, text.begin);
  if (inner.name == "ONBUILD") {
    return text.refuse(inner.keyword_span, "ONBUILD cannot stand within ONBUILD");
  }
  if (inner.name == "FROM" || inner.name == "MAINTAINER") {
    return text.refuse(inner.keyword_span, fmt::format("{} cannot stand within ONBUILD", inner.name));
  }
  // What builds on top of the image make of it is theirs to say; what docker refuses here is refused here.
  if (inner.name == "ENV" || inner.name == "LABEL") {
    bool legacy = false;
    TRY(read_assignments(inner, legacy));
  }
  constexpr std::string_view k_exec_forms[] = {"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"};
  if (std::find(std::begin(k_exec_forms), std::end(k_exec_forms), inner.name) != std::end(k_exec_forms)) {
    TRY(split_exec_form(inner));
  }
  OnBuildInstruction onbuild;
  onbuild.trigger = text.arguments();
  for (const Heredoc& heredoc : heredocs) {
    onbuild.trigger += fmt::format("\n{}{}", heredoc.content, heredoc.name);
  }
  return onbuild;
}

}  // namespace ecrin::recipes::containerfile
