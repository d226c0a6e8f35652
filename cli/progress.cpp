#include "cli/progress.hpp"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/text.hpp"
#include "cli/progress_parts.hpp"

namespace ecrin::cli {
namespace {

// Nothing but what a failure needs: the last output of the step that failed.
class QuietProgress final : public Progress {
public:
  explicit QuietProgress(StatusLine& console) : m_console(console) {}
  void planned(std::size_t) override {}
  void step_started(const build::StepInfo&) override {}
  void step_output(const build::StepInfo& step, std::string_view bytes) override {
    m_output[step.number].add(bytes);
  }
  void step_finished(const build::StepInfo& step, const build::StepResult& result) override {
    OutputLines lines = std::move(m_output[step.number]);
    m_output.erase(step.number);
    if (result.state != build::StepResult::State::failed) return;
    lines.finish();
    m_console.print(fmt::format("{} {}: {}", step_label(step), printable(step.text), step_outcome(result)));
    for (const std::string& line : lines.tail())
      m_console.print(fmt::format("{} | {}", step_label(step), line));
  }
  void note(const std::string&) override {}
  void succeeded(const BuildSummary&) override {}
  void failed(const Error&, const FailurePlace& place) override { print_place(m_console, place); }

private:
  StatusLine& m_console;
  std::map<std::size_t, OutputLines> m_output;
};

}  // namespace

Result<ProgressKind> parse_progress(std::string_view name) {
  if (name == "auto") return ProgressKind::automatic;
  if (name == "tty") return ProgressKind::terminal;
  if (name == "plain") return ProgressKind::plain;
  if (name == "json") return ProgressKind::json;
  if (name == "quiet") return ProgressKind::quiet;
  return fail(ErrorKind::invalid, "progress is auto, tty, plain, json or quiet, not '{}'", printable(name));
}

Clock steady_clock() {
  return [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
}

namespace {

// Colours and cursor movements of a step's program (ECMA-48: ESC [ ... final byte, ESC ] ... BEL): they mean
// something on the program's own terminal only.
std::string without_escapes(std::string_view text) {
  std::string result;
  for (std::size_t position = 0; position < text.size(); ++position) {
    if (text[position] != '\033' || position + 1 >= text.size()) {
      result += text[position];
      continue;
    }
    const char kind = text[++position];
    if (kind != '[' && kind != ']') continue;
    const auto ends = [kind](char c) { return kind == '[' ? c >= 0x40 && c <= 0x7e : c == '\a'; };
    while (position + 1 < text.size()) {
      ++position;
      if (ends(text[position])) break;
    }
  }
  return result;
}

}  // namespace

std::string OutputLines::take() {
  // What a carriage return left behind is what a terminal would show at the end.
  std::string_view line = m_partial;
  while (line.ends_with('\r')) line.remove_suffix(1);
  if (const std::size_t start = line.rfind('\r'); start != std::string_view::npos)
    line.remove_prefix(start + 1);
  std::string plain = without_escapes(line);
  std::ranges::replace(plain, '\t', ' ');
  std::string result = printable(plain, k_line_limit * 4);
  m_partial.clear();
  m_tail.push_back(result);
  if (m_tail.size() > k_kept) m_tail.pop_front();
  return result;
}

std::vector<std::string> OutputLines::add(std::string_view bytes) {
  std::vector<std::string> lines;
  for (const char character : bytes) {
    if (character == '\n') {
      lines.push_back(take());
    } else {
      m_partial += character;
      if (m_partial.size() >= k_line_limit) lines.push_back(take());
    }
  }
  return lines;
}

std::vector<std::string> OutputLines::finish() {
  if (m_partial.empty()) return {};
  return {take()};
}

std::string OutputLines::latest() const {
  std::string_view partial = trim(m_partial);
  if (const std::size_t start = partial.rfind('\r'); start != std::string_view::npos)
    partial.remove_prefix(start + 1);
  if (!partial.empty()) return printable(without_escapes(partial));
  for (auto line = m_tail.rbegin(); line != m_tail.rend(); ++line) {
    if (!trim(*line).empty()) return *line;
  }
  return "";
}

std::string step_label(const build::StepInfo& step) {
  return fmt::format("[{}/{} {}]", step.number, step.total, printable(step.stage));
}

std::string step_outcome(const build::StepResult& result) {
  switch (result.state) {
    case build::StepResult::State::cached:
      return "cached";
    case build::StepResult::State::failed:
      return fmt::format("failed after {}", human_duration(result.seconds));
    case build::StepResult::State::cancelled:
      return "stopped";
    case build::StepResult::State::done:
      break;
  }
  if (result.entries == 0) return human_duration(result.seconds);
  return fmt::format("{}, {}, {} {}", human_duration(result.seconds), human_size(result.bytes),
                     result.entries, result.entries == 1 ? "entry" : "entries");
}

std::string summary_line(const BuildSummary& summary) {
  std::string names = summary.names.empty() ? "" : fmt::format(" ({})", join(summary.names, ", "));
  return fmt::format("built {}{} in {}: {} {} run, {} cached", summary.image_id.substr(0, 19), names,
                     human_duration(summary.seconds), summary.steps_run,
                     summary.steps_run == 1 ? "step" : "steps", summary.steps_cached);
}

void print_place(StatusLine& console, const FailurePlace& place) {
  if (place.lines.empty()) return;
  std::string text = fmt::format("{}:{}", printable(place.file), place.line);
  for (const std::string& line : recipes::format_excerpt(place.lines)) text += "\n" + line;
  console.print(text);
}

std::unique_ptr<Progress> make_quiet_progress(StatusLine& console) {
  return std::make_unique<QuietProgress>(console);
}

std::unique_ptr<Progress> make_progress(ProgressKind kind, StatusLine& console, const ProgressStyle& style,
                                        Clock clock) {
  if (kind == ProgressKind::automatic) {
    kind = console.is_terminal() ? ProgressKind::terminal : ProgressKind::plain;
  }
  switch (kind) {
    case ProgressKind::json:
      return make_json_progress(console);
    case ProgressKind::quiet:
      return make_quiet_progress(console);
    case ProgressKind::terminal:
      return make_terminal_progress(console, style, std::move(clock));
    default:
      return make_plain_progress(console);
  }
}

}  // namespace ecrin::cli
