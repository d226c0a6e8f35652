#include "recipes/step_text.hpp"

#include <fmt/core.h>

#include "base/text.hpp"

namespace ecrin::recipes {
namespace {

std::string pairs_text(const std::vector<KeyValue>& pairs) {
  std::string result;
  for (const auto& [name, value] : pairs) {
    result += fmt::format("{}{}={}", result.empty() ? "" : " ", name, shell_quote(value));
  }
  return result;
}

std::string quoted(const std::vector<std::string>& words) {
  std::vector<std::string> result;
  for (const std::string& word : words) result.push_back(shell_quote(word));
  return join(result, " ");
}

std::string script_text(std::string_view script) {
  script = trim(script);
  const std::size_t end = script.find('\n');
  return fmt::format("{}{}", trim(script.substr(0, end)), end == std::string_view::npos ? "" : " ...");
}

std::string sources_text(const std::vector<std::string>& sources, const std::vector<InlineFile>& files,
                         const std::string& destination) {
  std::vector<std::string> words;
  for (const std::string& source : sources) words.push_back(shell_quote(source));
  for (const InlineFile& file : files) words.push_back("<<" + shell_quote(file.name));
  words.push_back(shell_quote(destination));
  return join(words, " ");
}

std::string healthcheck_text(const oci::Healthcheck& check) {
  std::string result;
  const auto option = [&](std::string_view name, std::int64_t nanoseconds) {
    if (nanoseconds != 0) result += fmt::format("--{}={} ", name, duration_text(nanoseconds));
  };
  option("interval", check.interval);
  option("timeout", check.timeout);
  option("start-period", check.start_period);
  option("start-interval", check.start_interval);
  if (check.retries != 0) result += fmt::format("--retries={} ", check.retries);
  return result + quoted(check.test);
}

struct NameOf {
  std::string_view operator()(const RunStep&) const { return "RUN"; }
  std::string_view operator()(const CopyStep&) const { return "COPY"; }
  std::string_view operator()(const AddStep&) const { return "ADD"; }
  std::string_view operator()(const WriteStep&) const { return "WRITE"; }
  std::string_view operator()(const EnvStep&) const { return "ENV"; }
  std::string_view operator()(const WorkdirStep&) const { return "WORKDIR"; }
  std::string_view operator()(const UserStep&) const { return "USER"; }
  std::string_view operator()(const LabelStep&) const { return "LABEL"; }
  std::string_view operator()(const CmdStep&) const { return "CMD"; }
  std::string_view operator()(const EntrypointStep&) const { return "ENTRYPOINT"; }
  std::string_view operator()(const ExposeStep&) const { return "EXPOSE"; }
  std::string_view operator()(const VolumeStep&) const { return "VOLUME"; }
  std::string_view operator()(const StopSignalStep&) const { return "STOPSIGNAL"; }
  std::string_view operator()(const HealthcheckStep&) const { return "HEALTHCHECK"; }
  std::string_view operator()(const ShellStep&) const { return "SHELL"; }
  std::string_view operator()(const OnBuildStep&) const { return "ONBUILD"; }
  std::string_view operator()(const AuthorStep&) const { return "MAINTAINER"; }
};

struct SummaryOf {
  std::string operator()(const RunStep& step) const {
    if (const auto* script = std::get_if<std::string>(&step.command)) return script_text(*script);
    if (const auto* file = std::get_if<InlineFile>(&step.command)) return script_text(file->content);
    return quoted(std::get<std::vector<std::string>>(step.command));
  }
  std::string operator()(const CopyStep& step) const {
    const std::string from = step.from.empty() ? "" : fmt::format("from {}: ", step.from);
    return from + sources_text(step.sources, step.files, step.destination);
  }
  std::string operator()(const AddStep& step) const {
    return sources_text(step.sources, step.files, step.destination);
  }
  std::string operator()(const WriteStep& step) const {
    return fmt::format("{} ({} bytes)", shell_quote(step.destination), step.content.size());
  }
  std::string operator()(const EnvStep& step) const { return pairs_text(step.variables); }
  std::string operator()(const WorkdirStep& step) const { return step.path; }
  std::string operator()(const UserStep& step) const { return step.user; }
  std::string operator()(const LabelStep& step) const { return pairs_text(step.labels); }
  std::string operator()(const CmdStep& step) const { return quoted(step.arguments); }
  std::string operator()(const EntrypointStep& step) const { return quoted(step.arguments); }
  std::string operator()(const ExposeStep& step) const { return join(step.ports, " "); }
  std::string operator()(const VolumeStep& step) const { return quoted(step.paths); }
  std::string operator()(const StopSignalStep& step) const { return step.signal; }
  std::string operator()(const HealthcheckStep& step) const { return healthcheck_text(step.healthcheck); }
  std::string operator()(const ShellStep& step) const { return quoted(step.shell); }
  std::string operator()(const OnBuildStep& step) const { return step.trigger; }
  std::string operator()(const AuthorStep& step) const { return step.author; }
};

}  // namespace

std::string duration_text(std::int64_t nanoseconds) {
  return nanoseconds % 1'000'000'000 == 0 ? fmt::format("{}s", nanoseconds / 1'000'000'000)
                                          : fmt::format("{}ms", nanoseconds / 1'000'000);
}

std::string_view instruction_name(const StepKind& kind) {
  return std::visit(NameOf{}, kind);
}

std::string summary(const StepKind& kind) {
  return std::visit(SummaryOf{}, kind);
}

std::string history_text(const StepKind& kind, const std::vector<std::string>& shell) {
  const auto* run = std::get_if<RunStep>(&kind);
  const auto* script = run ? std::get_if<std::string>(&run->command) : nullptr;
  // The words that were run, as docker writes them: the same for both forms.
  if (script) return fmt::format("RUN {} {}", join(shell, " "), *script);
  if (run && std::holds_alternative<std::vector<std::string>>(run->command)) {
    return fmt::format("RUN {}", join(std::get<std::vector<std::string>>(run->command), " "));
  }
  return fmt::format("{} {}", instruction_name(kind), summary(kind));
}

}  // namespace ecrin::recipes
