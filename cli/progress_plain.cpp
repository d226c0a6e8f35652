// One line an event, for logs: what a line is about stands in front of it, because steps run at the same
// time.
#include <map>
#include <set>

#include "base/text.hpp"
#include "cli/progress_parts.hpp"

namespace ecrin::cli {
namespace {

class PlainProgress final : public Progress {
public:
  explicit PlainProgress(StatusLine& console) : m_console(console) {}

  void planned(std::size_t) override {}

  void step_started(const build::StepInfo& step) override {
    m_output[step.number];
    m_console.print(fmt::format("{} {}", step_label(step), printable(step.text)));
  }

  void step_output(const build::StepInfo& step, std::string_view bytes) override {
    print_lines(step, m_output[step.number].add(bytes));
  }

  void step_finished(const build::StepInfo& step, const build::StepResult& result) override {
    using State = build::StepResult::State;
    if (!m_output.contains(step.number)) step_started(step);  // a cached step never started
    print_lines(step, m_output[step.number].finish());
    // The output was shown as it came; it is shown again only where lines of other steps stand in between.
    if (result.state == State::failed && m_interrupted.contains(step.number)) {
      m_console.print(fmt::format("{} last lines of the output:", step_label(step)));
      for (const std::string& line : m_output[step.number].tail()) print_line(step, line);
    }
    m_console.print(fmt::format("{} {}{}", step_label(step), result.state == State::done ? "done " : "",
                                step_outcome(result)));
    for (const std::string& reason : result.reasons) {
      m_console.print(fmt::format("{} because: {}", step_label(step), printable(reason)));
    }
    m_output.erase(step.number);
    m_interrupted.erase(step.number);
  }

  void note(const std::string& message) override { m_console.print(fmt::format("note: {}", message)); }
  void succeeded(const BuildSummary& summary) override { m_console.print(summary_line(summary)); }
  void failed(const Error&, const FailurePlace& place) override { print_place(m_console, place); }

private:
  void print_line(const build::StepInfo& step, const std::string& line) {
    m_console.print(fmt::format("{} | {}", step_label(step), line));
  }
  void print_lines(const build::StepInfo& step, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    for (const auto& [number, output] : m_output) {
      if (number != step.number) m_interrupted.insert(number);
    }
    for (const std::string& line : lines) print_line(step, line);
  }

  StatusLine& m_console;
  std::map<std::size_t, OutputLines> m_output;  // of the steps that run
  std::set<std::size_t> m_interrupted;          // those with lines of others between their own
};

}  // namespace

std::unique_ptr<Progress> make_plain_progress(StatusLine& console) {
  return std::make_unique<PlainProgress>(console);
}

}  // namespace ecrin::cli
