// What the kinds of progress share: lines out of a step's output, the tail that a failure shows, phrases.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "cli/progress.hpp"

namespace ecrin::cli {

/// Makes lines out of pieces. A carriage return starts its line again, as on a terminal; other control
/// characters are made visible. The last lines are kept.
class OutputLines {
public:
  static constexpr std::size_t k_kept = 20;
  static constexpr std::size_t k_line_limit = 16 * 1024;  // longer lines are cut into several
  /// The lines that are complete now.
  std::vector<std::string> add(std::string_view bytes);
  /// What is left without a newline at the step's end.
  std::vector<std::string> finish();
  const std::deque<std::string>& tail() const { return m_tail; }
  /// The last line with something on it, complete or not.
  std::string latest() const;

private:
  std::string take();
  std::string m_partial;
  std::deque<std::string> m_tail;
};

std::string step_label(const build::StepInfo& step);  // "[3/9 build]"
/// "4.2s, 12 MB, 431 entries", "cached", "failed after 4.2s", "stopped"
std::string step_outcome(const build::StepResult& result);
/// "built sha256:0123456789ab (hello:latest) in 12.3s: 5 steps run, 4 cached"
std::string summary_line(const BuildSummary& summary);

/// The step in its file; nothing where the place is not known.
void print_place(StatusLine& console, const FailurePlace& place);

std::unique_ptr<Progress> make_terminal_progress(StatusLine& console, const ProgressStyle& style,
                                                 Clock clock);
std::unique_ptr<Progress> make_plain_progress(StatusLine& console);
std::unique_ptr<Progress> make_json_progress(StatusLine& console);
std::unique_ptr<Progress> make_quiet_progress(StatusLine& console);

}  // namespace ecrin::cli
