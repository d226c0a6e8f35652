// What `ecrin rebase` says of steps while it goes: one line an event, as the plain progress of builds.
#pragma once

#include "build/traced_rebase.hpp"
#include "cli/progress_parts.hpp"
#include "cli/status_line.hpp"

namespace ecrin::cli {

class RebasePrinter final : public build::RebaseObserver {
public:
  explicit RebasePrinter(StatusLine& console) : m_console(console) {}
  void step_started(const build::StepInfo& step) override;
  void step_output(const build::StepInfo& step, std::string_view bytes) override;
  void step_finished(const build::StepInfo& step, const build::RebasedStep& result) override;
  void note(const std::string& message) override;
  void warn(const std::string& message) override;

private:
  void print_output(const build::StepInfo& step, const std::vector<std::string>& lines);
  StatusLine& m_console;
  OutputLines m_output;  // of the step at hand
};

/// "2 steps ran again, 5 carried over"
std::string rebase_summary(const build::RebasedSteps& steps);

}  // namespace ecrin::cli
