// A stage: what it begins with, the triggers of its base, its own instructions.
#include "base/text.hpp"
#include "recipes/containerfile/lower_parts.hpp"
#include "recipes/step_text.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr std::size_t k_text_length = 300;
/// What docker gives a container whose image says no PATH.
constexpr const char* k_default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

Step make_step(StepKind kind, Location location, int last_line) {
  std::string text = printable(fmt::format("{} {}", instruction_name(kind), summary(kind)), k_text_length);
  return {.kind = std::move(kind), .location = location, .text = std::move(text), .last_line = last_line};
}

int last_line(const SourceText& source, const Instruction& instruction) {
  return source.location(instruction.span.begin + instruction.span.length - 1).line;
}

/// ENV, ARG and SHELL of what the stage begins with are in force in it.
Result<> inherit(Lowering& all, StageText& text, Stage& stage) {
  if (text.parent) {
    const StageText& parent = all.stages[*text.parent];
    TRY(spend_text(all.budget, size_of(parent.env) + size_of(parent.args) + size_of(parent.declared) +
                                   size_of(parent.shell)));
    text.env = parent.env;
    text.args = parent.args;
    text.declared = parent.declared;
    text.shell = parent.shell;
    text.platform = parent.platform;
    return {};
  }
  text.shell = {"/bin/sh", "-c"};
  if (text.base_config) {
    TRY(spend_text(all.budget, size_of(text.base_config->shell) + size_of(text.base_config->env)));
    if (!text.base_config->shell.empty()) text.shell = text.base_config->shell;
    for (const std::string& variable : text.base_config->env) {
      const std::size_t equals = variable.find('=');
      if (equals != std::string::npos) text.env[variable.substr(0, equals)] = variable.substr(equals + 1);
    }
  }
  if (!text.env.contains("PATH")) {
    text.env["PATH"] = k_default_path;
    TRY(count_step(all));
    stage.steps.push_back(make_step(EnvStep{{{"PATH", k_default_path}}}, {}, 0));
  }
  return {};
}

Result<> add_steps(StageScope& scope, const Instruction& instruction) {
  std::optional<StepKind> kind = TRY(lower_instruction(scope, instruction));
  if (!kind) return {};
  TRY(count_step(scope.all));
  if (const auto excess = scope.lists.add(*kind))
    return refuse(*scope.source, instruction.span, *excess, "", ErrorKind::limit);
  // A trigger stands where FROM does.
  const Instruction& said = scope.place ? *scope.text.instruction : instruction;
  scope.stage.steps.push_back(make_step(std::move(*kind), said.location, last_line(scope.all.source, said)));
  return {};
}

}  // namespace

const std::string* StageScope::look_up(std::string_view name) const {
  if (const auto found = text.env.find(name); found != text.env.end()) return &found->second;
  const auto found = text.args.find(name);
  return found == text.args.end() ? nullptr : &found->second;
}

namespace {

Result<ExpandedWord> expand_here(StageScope& scope, std::string_view word, Span span,
                                 const WordRules& rules) {
  const VariableLookup lookup = [&scope](std::string_view name) { return scope.look_up(name); };
  ExpandedWord expanded = TRY(expand_at(scope.all, *scope.source, word, span, lookup, rules));
  for (const std::string& name : expanded.undefined) {
    if (scope.text.declared.contains(name)) continue;
    TRY(note_undefined(scope.all, name, scope.place.value_or(scope.source->location(span.begin))));
  }
  return expanded;
}

}  // namespace

Result<std::string> StageScope::expand(const Word& word) {
  return std::move(TRY(expand_here(*this, word.text, word.span, {.escape = all.file.escape})).text);
}

Result<std::vector<std::string>> StageScope::expand_words(const Word& word) {
  return std::move(TRY(expand_here(*this, word.text, word.span, {.escape = all.file.escape})).words);
}

Result<std::string> StageScope::expand_heredoc(const Heredoc& heredoc) {
  if (!heredoc.expand) return heredoc.content;
  return std::move(
      TRY(expand_here(*this, heredoc.content, heredoc.span, {.escape = '\\', .quotes = false})).text);
}

Result<Stage> lower_stage(Lowering& all, std::size_t index) {
  StageText& text = all.stages[index];
  StageScope scope{.all = all, .text = text, .index = index, .source = &all.source};
  Stage& stage = scope.stage;
  stage.name = text.name;
  stage.location = text.instruction->location;
  stage.from = text.base;
  stage.from_location = text.instruction->location;
  TRY(count_step(all));
  TRY(inherit(all, text, stage));
  stage.platform = text.platform;
  for (const std::string& trigger : text.triggers) {
    const SourceText source(text.triggers_place, trigger);
    const Instruction instruction = TRY(parse_trigger(trigger, text.triggers_place));
    scope.source = &source;
    scope.place = stage.from_location;
    TRY(add_steps(scope, instruction));
  }
  scope.source = &all.source;
  scope.place.reset();
  for (const Instruction& instruction : text.body) TRY(add_steps(scope, instruction));
  return std::move(stage);
}

}  // namespace ecrin::recipes::containerfile
