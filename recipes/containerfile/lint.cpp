#include "recipes/containerfile/lint.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "oci/reference.hpp"
#include "recipes/containerfile/lint_parts.hpp"
#include "recipes/letters.hpp"

namespace ecrin::recipes::containerfile {
namespace {

Span keyword_span(const Instruction& instruction) {
  return {instruction.span.begin, instruction.keyword.size()};
}

VariableLookup lookup_in(const Variables& variables) {
  return [&variables](std::string_view name) -> const std::string* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : &found->second;
  };
}

/// FROM and what follows: all in the case that most of them have.
void lint_casing(Lint& lint) {
  std::size_t lower = 0;
  std::size_t upper = 0;
  const auto each = [&](auto&& action) {
    for (const StageText& stage : lint.all.stages) {
      action(*stage.instruction);
      for (const Instruction& instruction : stage.body) action(instruction);
    }
  };
  each([&](const Instruction& instruction) {
    if (instruction.keyword == to_lower(instruction.keyword)) {
      ++lower;
    } else if (instruction.keyword == to_upper(instruction.keyword)) {
      ++upper;
    }
  });
  const bool in_lower = lower > upper;
  each([&](const Instruction& instruction) {
    const std::string& keyword = instruction.keyword;
    if (keyword == (in_lower ? to_lower(keyword) : to_upper(keyword))) return;
    use_comments(lint, instruction);
    lint.collector.add("ConsistentInstructionCasing", keyword_span(instruction),
                       fmt::format("'{}' is not in {} letters, as most instructions of the file", keyword,
                                   in_lower ? "small" : "capital"));
  });
}

void lint_stage_name(Lint& lint, const Instruction& instruction, std::set<std::string>& names) {
  const auto& from = *instruction.as<FromInstruction>();
  if (from.name.empty()) return;
  const std::string written(lint.all.source.text(from.name_span));
  const std::string as(lint.all.source.text(from.as_span));
  const std::string& keyword = instruction.keyword;
  if (written != to_lower(written)) {
    lint.collector.add("StageNameCasing", from.name_span,
                       fmt::format("the name of stage '{}' has capital letters", written));
  }
  const bool is_lower = keyword == to_lower(keyword);
  const bool is_one_case = is_lower || keyword == to_upper(keyword);
  if (is_one_case && as != (is_lower ? to_lower(as) : to_upper(as))) {
    lint.collector.add("FromAsCasing", from.as_span,
                       fmt::format("'{}' is in another case than '{}'", as, keyword));
  }
  if (from.name == "scratch" || from.name == "context") {
    lint.collector.add("ReservedStageName", from.name_span,
                       fmt::format("'{}' is a reserved name of a stage", from.name));
  }
  if (!names.insert(from.name).second) {
    lint.collector.add("DuplicateStageName", from.name_span,
                       fmt::format("another stage is named '{}' before", from.name));
  }
}

void add_undeclared(Lint& lint, const Word& word, const LintedWord& linted) {
  for (const std::string& name : linted.unknown) {
    if (lint.global_args.contains(name)) continue;  // somebody will give it
    lint.collector.add("UndefinedArgInFrom", word.span,
                       fmt::format("'{}' in FROM is not declared{}", printable(name, 80),
                                   suggest_variable(lint, "UndefinedArgInFrom", name, {&lint.all.globals})));
  }
}

Result<> lint_platform(Lint& lint, const FromInstruction& from) {
  const LintedWord platform = TRY(expand_for_lint(lint, *from.platform, lint.all.global_lookup()));
  add_undeclared(lint, *from.platform, platform);
  if (platform.unknown.empty() && platform.known.size() == 1 && platform.known.contains("TARGETPLATFORM") &&
      platform.text == lint.all.globals.find("TARGETPLATFORM")->second) {
    lint.collector.add("RedundantTargetPlatform", from.platform->span,
                       fmt::format("--platform={} is the default", printable(from.platform->text, 80)));
  }
  if (!platform.known.empty() || !platform.unknown.empty()) return {};
  const Result<oci::Platform> parsed = oci::Platform::parse(platform.text);
  if (!parsed || from.name.contains(parsed->os) || from.name.contains(parsed->architecture)) return {};
  lint.collector.add("FromPlatformFlagConstDisallowed", from.platform->span,
                     fmt::format("the platform of FROM is always '{}'", printable(platform.text, 80)));
  return {};
}

/// Without --build-arg an image must have a name too.
Result<> lint_default_image(Lint& lint, const FromInstruction& from, const Variables& defaults) {
  if (!from.image.text.contains('$')) return {};
  const Result<LintedWord> image = expand_for_lint(lint, from.image, lookup_in(defaults));
  if (!image || oci::Reference::parse(image->text)) return {};
  lint.collector.add("InvalidDefaultArgInFrom", from.image.span,
                     fmt::format("without build arguments '{}' is '{}', which names no image",
                                 printable(from.image.text, 80), printable(image->text, 80)));
  return {};
}

/// The last comment above it begins with the name of what it describes.
void lint_description(Lint& lint, const Instruction& instruction, const std::vector<std::string>& names) {
  if (instruction.comments.empty() || names.empty()) return;
  const std::string& comment = instruction.comments.back();
  if (std::find(names.begin(), names.end(), comment.substr(0, comment.find(' '))) != names.end()) return;
  lint.collector.add("InvalidDefinitionDescription", keyword_span(instruction),
                     fmt::format("the comment above does not begin with '{}'",
                                 names.size() == 1 ? printable(names[0], 80) : "the name of an argument"));
}

void lint_descriptions(Lint& lint) {
  for (const Instruction& instruction : lint.all.file.instructions) {
    use_comments(lint, instruction);
    std::vector<std::string> names;
    if (const auto* arg = instruction.as<ArgInstruction>()) {
      for (const ArgInstruction::Item& item : arg->items) names.push_back(item.name);
    }
    const auto* from = instruction.as<FromInstruction>();
    if (from && !from->name.empty()) names.push_back(from->name);
    lint_description(lint, instruction, names);
  }
}

void lint_lines(Lint& lint) {
  for (const Instruction& instruction : lint.all.file.instructions) {
    use_comments(lint, instruction);
    if (!instruction.empty_lines.empty()) {
      lint.collector.add("NoEmptyContinuation", instruction.empty_lines.front(),
                         fmt::format("an empty line in the midst of {}", printable(instruction.keyword, 80)));
    }
    if (instruction.as<MaintainerInstruction>()) {
      lint.collector.add("MaintainerDeprecated", keyword_span(instruction), "MAINTAINER is deprecated");
    }
  }
}

Result<> lint_froms(Lint& lint, const Variables& defaults) {
  std::set<std::string> names;
  for (const StageText& stage : lint.all.stages) {
    use_comments(lint, *stage.instruction);
    const FromInstruction& from = stage.from();
    lint_stage_name(lint, *stage.instruction, names);
    TRY(lint_default_image(lint, from, defaults));
    const LintedWord image = TRY(expand_for_lint(lint, from.image, lint.all.global_lookup()));
    add_undeclared(lint, from.image, image);
    lint.bases.push_back(image.text);
    if (from.platform) TRY(lint_platform(lint, from));
  }
  return {};
}

std::optional<LintDirective> check_directive(const Containerfile& file) {
  for (const Directive& directive : file.directives) {
    if (directive.name == "check") return LintDirective{.value = directive.value, .span = directive.span};
  }
  return {};
}

}  // namespace

void use_comments(Lint& lint, const Instruction& instruction) {
  LintSettings settings;
  for (const std::string& comment : instruction.comments) {
    const std::size_t equals = comment.find('=');
    if (equals == std::string::npos || to_lower(trim(comment.substr(0, equals))) != "check") continue;
    const std::string value(trim(std::string_view(comment).substr(equals + 1)));
    if (Result<LintSettings> parsed = parse_lint_settings(value.substr(0, value.find(' ')))) {
      settings = std::move(*parsed);
    }
    break;
  }
  lint.collector.set_local(std::move(settings));
}

Result<LintedWord> expand_for_lint(Lint& lint, const Word& word, const VariableLookup& lookup, bool quotes) {
  LintedWord linted;
  const VariableLookup remember = [&](std::string_view name) {
    const std::string* value = lookup(name);
    if (value) linted.known.emplace(name);
    return value;
  };
  const WordRules rules{.escape = quotes ? lint.all.file.escape : '\\', .quotes = quotes};
  ExpandedWord expanded = TRY(expand_at(lint.all, lint.all.source, word.text, word.span, remember, rules));
  linted.text = std::move(expanded.text);
  linted.words = std::move(expanded.words);
  linted.unknown.insert(expanded.undefined.begin(), expanded.undefined.end());
  return linted;
}

std::string suggest_variable(Lint& lint, std::string_view rule, std::string_view name,
                             std::initializer_list<const Variables*> candidates) {
  constexpr std::size_t k_most = 500;  // a suggestion is not worth more
  if (lint.suggestions == 0 || !lint.collector.takes(rule)) return "";
  --lint.suggestions;
  std::size_t count = 0;
  for (const Variables* variables : candidates) count += variables->size();
  if (count > k_most || name.size() > 64) return "";
  std::map<std::string, std::string, std::less<>> by_lower;
  for (const Variables* variables : candidates) {
    for (const auto& [candidate, value] : *variables) by_lower.emplace(to_lower(candidate), candidate);
  }
  std::vector<std::string_view> words;
  for (const auto& [lower, candidate] : by_lower) words.push_back(lower);
  const auto found = by_lower.find(nearest(to_lower(name), words));
  return found == by_lower.end() ? "" : fmt::format(" (did you mean '{}'?)", printable(found->second, 80));
}

Result<LintSettings> lint_settings(const Containerfile& file, const SourceText& source,
                                   const std::map<std::string, std::string>& args) {
  return read_lint_settings(source, check_directive(file), args);
}

Result<LintReport> lint(const Containerfile& file, const SourceText& source, const LintOptions& options) {
  LintSettings settings = TRY(lint_settings(file, source, options.args));
  const LowerOptions as_built{.file = source.file(),
                              .args = options.args,
                              .host_args = {},
                              .target = options.target,
                              .platform = options.platform,
                              .base_config = {}};
  LowerOptions by_default = as_built;
  by_default.args.clear();
  Lowering without_args{.file = file, .source = source, .options = by_default};
  // What is wrong without build arguments may be right with them.
  const bool has_defaults = read_globals(without_args).has_value();
  Lowering all{.file = file, .source = source, .options = as_built};
  TRY(read_globals(all));

  Lint lint{.all = all, .options = options, .collector = LintCollector(source, std::move(settings))};
  for (const Instruction& instruction : file.instructions) {
    const auto* arg = instruction.as<ArgInstruction>();
    if (!arg) break;
    for (const ArgInstruction::Item& item : arg->items) lint.global_args.insert(item.name);
  }
  lint_lines(lint);
  lint_casing(lint);
  lint_descriptions(lint);
  TRY(lint_froms(lint, has_defaults ? without_args.globals : all.globals));
  TRY(lint_stages(lint));
  return std::move(lint.collector).report();
}

}  // namespace ecrin::recipes::containerfile
