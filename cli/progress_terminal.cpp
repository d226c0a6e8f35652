// The live display: finished steps scroll up, running steps keep a line with their time and their last
// output.
#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/text.hpp"
#include "cli/progress_parts.hpp"

namespace ecrin::cli {
namespace {

class TerminalProgress final : public Progress {
public:
  TerminalProgress(StatusLine& console, const ProgressStyle& style, Clock clock)
      : m_console(console),
        m_style(style),
        m_clock(std::move(clock)),
        m_ticker([this](const std::stop_token& stop) { tick(stop); }) {}

  ~TerminalProgress() override { end(); }

  void planned(std::size_t) override {}

  void step_started(const build::StepInfo& step) override {
    const std::lock_guard lock(m_mutex);
    m_running.insert_or_assign(step.number, Running{step, m_clock(), {}});
    draw();
  }

  void step_output(const build::StepInfo& step, std::string_view bytes) override {
    const std::lock_guard lock(m_mutex);
    if (const auto running = m_running.find(step.number); running != m_running.end()) {
      running->second.output.add(bytes);  // shown by the next tick: output may come a million times a second
    }
  }

  void step_finished(const build::StepInfo& step, const build::StepResult& result) override {
    using State = build::StepResult::State;
    const std::lock_guard lock(m_mutex);
    std::string text = fmt::format("{} [{}/{}] {}: {}  {}", mark(result.state), step.number, step.total,
                                   printable(step.stage), printable(step.text), dim(brief(result)));
    for (const std::string& reason : result.reasons) text += "\n    " + dim("because: " + printable(reason));
    if (const auto running = m_running.find(step.number); running != m_running.end()) {
      if (result.state == State::failed) {
        running->second.output.finish();
        for (const std::string& line : running->second.output.tail()) text += "\n  | " + line;
      }
      m_running.erase(running);
    }
    m_console.show(status());
    m_console.print(text);
  }

  void note(const std::string& message) override { m_console.print(paint("note: ", "1;36") + message); }

  void succeeded(const BuildSummary& summary) override {
    end();
    m_console.print(summary_line(summary));
  }
  void failed(const Error&, const FailurePlace& place) override {
    end();
    print_place(m_console, place);
  }

private:
  struct Running {
    build::StepInfo step;
    double since = 0;
    OutputLines output;
  };

  std::string paint(std::string_view text, std::string_view code) const {
    if (m_style.colour == Colour::no) return std::string(text);
    return fmt::format("\033[{}m{}\033[0m", code, text);
  }
  std::string dim(std::string_view text) const { return paint(text, "2"); }

  std::string mark(build::StepResult::State state) const {
    using State = build::StepResult::State;
    switch (state) {
      case State::done:
        return paint(m_style.utf8 ? "✓" : "+", "32");
      case State::cached:
        return paint("=", "36");
      case State::failed:
        return paint(m_style.utf8 ? "✗" : "x", "31");
      case State::cancelled:
        return paint("-", "33");
    }
    return " ";
  }

  static std::string brief(const build::StepResult& result) {
    if (result.state != build::StepResult::State::done) return step_outcome(result);
    std::string text = human_duration(result.seconds);
    if (result.bytes > 0) text += "  " + human_size(result.bytes);
    return text;
  }

  std::vector<std::string> status() const {
    static constexpr const char* k_spinner[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    static constexpr const char* k_plain_spinner[] = {"|", "/", "-", "\\"};
    const std::string wheel = m_style.utf8 ? k_spinner[m_turn % 10] : k_plain_spinner[m_turn % 4];
    std::vector<std::string> lines;
    for (const auto& [number, running] : m_running) {
      const build::StepInfo& step = running.step;
      // A narrow terminal cuts the step's text, never its time.
      const std::string time = "  " + human_duration(m_clock() - running.since);
      const std::string text = fmt::format("{} [{}/{}] {}: {}", paint(wheel, "36"), step.number, step.total,
                                           printable(step.stage), printable(step.text));
      const std::size_t room = std::max(m_console.columns(), time.size()) - time.size();
      lines.push_back(elide(text, room) + dim(time));
      if (const std::string latest = running.output.latest(); !latest.empty())
        lines.push_back(dim("    " + latest));
    }
    return lines;
  }
  void draw() { m_console.show(status()); }

  void tick(const std::stop_token& stop) {
    std::unique_lock lock(m_mutex);
    while (!m_wake.wait_for(lock, stop, std::chrono::milliseconds(100),
                            [&stop] { return stop.stop_requested(); })) {
      ++m_turn;
      if (!m_running.empty()) draw();
    }
  }

  void end() {
    m_ticker.request_stop();
    if (m_ticker.joinable()) m_ticker.join();
    m_console.clear();
  }

  StatusLine& m_console;
  ProgressStyle m_style;
  Clock m_clock;
  std::mutex m_mutex;
  std::condition_variable_any m_wake;
  std::map<std::size_t, Running> m_running;
  std::size_t m_turn = 0;
  std::jthread m_ticker;  // last: it uses the members above
};

}  // namespace

std::unique_ptr<Progress> make_terminal_progress(StatusLine& console, const ProgressStyle& style,
                                                 Clock clock) {
  return std::make_unique<TerminalProgress>(console, style, std::move(clock));
}

}  // namespace ecrin::cli
