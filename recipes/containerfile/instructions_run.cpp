// RUN, CMD, ENTRYPOINT, SHELL, HEALTHCHECK: what is run, and how.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/containerfile/heredoc.hpp"
#include "recipes/containerfile/instructions.hpp"

namespace ecrin::recipes::containerfile {
namespace {

constexpr FlagRule k_run_flags[] = {{"mount", FlagRule::Kind::texts}, {"network"}, {"security"}};
constexpr FlagRule k_healthcheck_flags[] = {
    {"interval"}, {"retries"}, {"start-interval"}, {"start-period"}, {"timeout"}};
constexpr std::string_view k_networks[] = {"default", "none", "host"};
constexpr std::string_view k_securities[] = {"sandbox", "insecure"};

/// The value of a flag that is one of a few words.
Result<std::string> read_choice(const InstructionText& text, std::string_view name,
                                std::span<const std::string_view> choices) {
  const std::optional<Word> value = flag_value(text, name);
  if (!value) return "";
  if (std::find(choices.begin(), choices.end(), value->text) != choices.end()) return value->text;
  const std::string near = value->text.size() < 64 ? did_you_mean(value->text, choices) : "";
  return text.refuse(value->span, fmt::format("--{} of {} cannot be '{}'{}", name, text.name,
                                              printable(value->text, 80), near));
}

std::vector<std::string> texts_of(std::vector<Word>&& words) {
  std::vector<std::string> texts;
  texts.reserve(words.size());
  for (Word& word : words) texts.push_back(std::move(word.text));
  return texts;
}

}  // namespace

Result<Command> read_command(const InstructionText& text) {
  Command command;
  command.span = text.arguments_span();
  if (std::optional<std::vector<Word>> words = TRY(split_exec_form(text))) {
    command.exec_form = true;
    command.arguments = texts_of(std::move(*words));
  } else {
    command.script = text.arguments();
  }
  return command;
}

namespace {

/// A script that is one mark and nothing beside it: its here-document is left, which is what runs.
Result<> keep_document_of_script(const InstructionText& text, std::vector<Heredoc>& heredocs) {
  const Span script = text.arguments_span();
  const auto found =
      std::ranges::find(heredocs, script.begin, [](const Heredoc& heredoc) { return heredoc.span.begin; });
  if (found == heredocs.end()) return refuse_without_content(text, script);
  Heredoc document = std::move(*found);
  heredocs = {std::move(document)};
  return {};
}

}  // namespace

Result<InstructionKind> read_run(const InstructionText& text, std::vector<Heredoc>& heredocs) {
  TRY(check_flags(text, k_run_flags));
  RunInstruction run;
  run.command = TRY(read_command(text));
  if (run.command.exec_form && run.command.arguments.empty()) {
    return text.refuse(run.command.span, "RUN names no program");
  }
  run.runs_heredoc = !run.command.exec_form && parse_heredoc_mark(run.command.script).has_value();
  if (run.runs_heredoc) TRY(keep_document_of_script(text, heredocs));
  for (const Word& value : flag_values(text, "mount")) run.mounts.push_back(TRY(read_mount(text, value)));
  run.network = TRY(read_choice(text, "network", k_networks));
  run.security = TRY(read_choice(text, "security", k_securities));
  return run;
}

Result<InstructionKind> read_cmd(const InstructionText& text) {
  TRY(check_flags(text, {}));
  return CmdInstruction{TRY(read_command(text))};
}

Result<InstructionKind> read_entrypoint(const InstructionText& text) {
  TRY(check_flags(text, {}));
  return EntrypointInstruction{TRY(read_command(text))};
}

Result<InstructionKind> read_shell(const InstructionText& text) {
  TRY(check_flags(text, {}));
  std::optional<std::vector<Word>> words = TRY(split_exec_form(text));
  if (text.empty() || (words && words->empty())) {
    return text.refuse(text.arguments_span(), "SHELL requires at least one argument",
                       R"(write SHELL ["/bin/bash", "-c"])");
  }
  if (!words) {
    return text.refuse(text.arguments_span(), "SHELL requires its arguments as a JSON array of strings",
                       R"(write SHELL ["/bin/bash", "-c"])");
  }
  return ShellInstruction{texts_of(std::move(*words))};
}

Result<InstructionKind> read_healthcheck(const InstructionText& text) {
  if (text.empty())
    return text.refuse(text.keyword_span, "HEALTHCHECK requires at least one argument",
                       "write HEALTHCHECK CMD and the command, or HEALTHCHECK NONE");
  TRY(check_flags(text, k_healthcheck_flags));
  const std::string_view line = text.line->text;
  std::size_t end = text.begin;
  while (end < text.end && space_length(line, end) == 0) ++end;
  const Word type = text.word(text.begin, end);

  HealthcheckInstruction healthcheck;
  InstructionText rest = text;
  rest.begin = std::min(skip_space(line, end), text.end);
  if (to_lower(type.text) == "none") {
    if (!rest.empty()) return text.refuse(rest.arguments_span(), "HEALTHCHECK NONE takes no arguments");
    healthcheck.none = true;
    return healthcheck;
  }
  if (to_lower(type.text) != "cmd") {
    return text.refuse(type.span,
                       fmt::format("HEALTHCHECK is CMD or NONE, not '{}'", printable(type.text, 80)),
                       "write CMD before the command");
  }
  healthcheck.command = TRY(read_command(rest));
  if (rest.empty() || (healthcheck.command.exec_form && healthcheck.command.arguments.empty())) {
    return text.refuse(type.span, "no command after HEALTHCHECK CMD");
  }
  healthcheck.interval = flag_value(text, "interval");
  healthcheck.timeout = flag_value(text, "timeout");
  healthcheck.start_period = flag_value(text, "start-period");
  healthcheck.start_interval = flag_value(text, "start-interval");
  healthcheck.retries = flag_value(text, "retries");
  return healthcheck;
}

}  // namespace ecrin::recipes::containerfile
