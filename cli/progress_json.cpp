// One JSON object a line, for programs. The keys are a promise (docs/man/ecrin-build.1); more may come.
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "cli/error_report.hpp"
#include "cli/progress_parts.hpp"

namespace ecrin::cli {
namespace {

std::string_view state_name(build::StepResult::State state) {
  switch (state) {
    case build::StepResult::State::done:
      return "done";
    case build::StepResult::State::cached:
      return "cached";
    case build::StepResult::State::failed:
      return "failed";
    case build::StepResult::State::cancelled:
      return "cancelled";
  }
  return "failed";
}

class JsonProgress final : public Progress {
public:
  explicit JsonProgress(StatusLine& console) : m_console(console) {}

  void planned(std::size_t total) override { write({{"event", "planned"}, {"total", total}}); }
  void step_started(const build::StepInfo& step) override { write(step_event("started", step)); }
  void step_output(const build::StepInfo& step, std::string_view bytes) override {
    Json event = step_event("output", step);
    event["text"] = std::string(bytes);
    write(event);
    m_output[step.number].add(bytes);
  }
  void step_finished(const build::StepInfo& step, const build::StepResult& result) override {
    Json event = step_event("finished", step);
    event["state"] = state_name(result.state);
    event["seconds"] = result.seconds;
    event["bytes"] = result.bytes;
    event["entries"] = result.entries;
    event["reasons"] = result.reasons;
    write(event);
    if (result.state != build::StepResult::State::failed) m_output.erase(step.number);
  }
  void note(const std::string& message) override { write({{"event", "note"}, {"text", message}}); }
  void succeeded(const BuildSummary& summary) override {
    write({{"event", "result"},
           {"image", summary.image_id},
           {"manifest", summary.manifest},
           {"names", summary.names},
           {"seconds", summary.seconds},
           {"run", summary.steps_run},
           {"cached", summary.steps_cached}});
  }
  void failed(const Error& error, const FailurePlace& place) override {
    Json event = {{"event", "error"},
                  {"kind", to_string(error.kind())},
                  {"text", error.message()},
                  {"while", error.trace()},
                  {"hint", error.hint_text()}};
    if (place.step != 0) {
      event["number"] = place.step;
      event["exit_code"] = place.exit_code;
      event["file"] = place.file;
      event["line"] = place.line;
      event["source"] = Json::array();
      for (const recipes::ExcerptLine& line : place.lines) {
        event["source"].push_back({{"line", line.number}, {"text", line.text}, {"step", line.marked}});
      }
      OutputLines& output = m_output[place.step];
      output.finish();
      event["output"] = Json(std::vector<std::string>(output.tail().begin(), output.tail().end()));
    }
    write(event);
  }
  bool reports_errors() const override { return true; }

private:
  static Json step_event(const char* event, const build::StepInfo& step) {
    return {{"event", event},
            {"number", step.number},
            {"total", step.total},
            {"stage", step.stage},
            {"text", step.text}};
  }
  void write(const Json& event) { m_console.print(dump_json(event)); }

  StatusLine& m_console;
  std::map<std::size_t, OutputLines> m_output;  // of steps that may fail
};

}  // namespace

std::unique_ptr<Progress> make_json_progress(StatusLine& console) {
  return std::make_unique<JsonProgress>(console);
}

}  // namespace ecrin::cli
