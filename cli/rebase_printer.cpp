#include "cli/rebase_printer.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::cli {
namespace {

std::string outcome_text(const build::RebasedStep& result) {
  using Fate = build::RebasedStep::Fate;
  switch (result.fate) {
    case Fate::carried:
      return "carried over";
    case Fate::unknown:
      return "carried over as it was";
    case Fate::found:
      return "has run before";
    case Fate::ran:
      return "ran again: " +
             step_outcome({.seconds = result.seconds, .bytes = result.bytes, .entries = result.entries});
    case Fate::failed:
      break;
  }
  return "failed after " + human_duration(result.seconds);
}

std::string steps_text(std::size_t count) {
  return fmt::format("{} {}", count, count == 1 ? "step" : "steps");
}

}  // namespace

void RebasePrinter::step_started(const build::StepInfo& step) {
  m_output = {};
  m_console.print(fmt::format("{} {}", step_label(step), printable(step.text)));
}

void RebasePrinter::print_output(const build::StepInfo& step, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) m_console.print(fmt::format("{} | {}", step_label(step), line));
}

void RebasePrinter::step_output(const build::StepInfo& step, std::string_view bytes) {
  print_output(step, m_output.add(bytes));
}

void RebasePrinter::step_finished(const build::StepInfo& step, const build::RebasedStep& result) {
  print_output(step, m_output.finish());
  m_console.print(fmt::format("{} {}", step_label(step), outcome_text(result)));
  for (const std::string& reason : result.reasons)
    m_console.print(fmt::format("{} because: {}", step_label(step), printable(reason)));
}

void RebasePrinter::note(const std::string& message) {
  m_console.print("note: " + message);
}

void RebasePrinter::warn(const std::string& message) {
  log::warning("{}", message);
}

std::string rebase_summary(const build::RebasedSteps& steps) {
  std::string text = fmt::format("{} ran again, {} carried over", steps_text(steps.ran), steps.carried);
  if (steps.found > 0) text += fmt::format(", {} had run before", steps.found);
  return text;
}

}  // namespace ecrin::cli
