#include "cli/progress.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/progress_parts.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;
using State = build::StepResult::State;

namespace {

struct Screen {
  std::string text;
  StatusLine console;
  explicit Screen(bool terminal = false)
      : console([this](std::string_view more) { text += more; }, terminal ? StatusLine::Size([] {
                  return TerminalSize{80, 24};
                })
                                                                          : StatusLine::Size()) {}
};

const build::StepInfo k_first{1, 3, "build", "from: scratch"};
const build::StepInfo k_second{2, 3, "build", "run: make"};
const build::StepInfo k_third{3, 3, "test", "run: check"};

const BuildSummary k_summary{.image_id = "sha256:0123456789abcdef0123456789abcdef",
                             .manifest = "sha256:ff",
                             .names = {"hello:latest"},
                             .seconds = 12.3,
                             .steps_run = 1,
                             .steps_cached = 4};

}  // namespace

TEST_CASE("plain progress: a line an event") {
  Screen screen;
  const auto progress = make_progress(ProgressKind::plain, screen.console, {}, steady_clock());
  progress->planned(3);
  progress->step_finished(k_first, {.state = State::cached});
  progress->step_started(k_second);
  progress->step_output(k_second, "one\ntw");
  progress->step_output(k_second, "o\nthree");
  progress->step_finished(k_second, {.state = State::done,
                                     .seconds = 4.21,
                                     .bytes = 12'000'000,
                                     .entries = 431,
                                     .reasons = {"input 'src/main.c' changed"}});
  progress->succeeded(k_summary);
  CHECK(screen.text ==
        "[1/3 build] from: scratch\n"
        "[1/3 build] cached\n"
        "[2/3 build] run: make\n"
        "[2/3 build] | one\n"
        "[2/3 build] | two\n"
        "[2/3 build] | three\n"
        "[2/3 build] done 4.2s, " +
            human_size(12'000'000) +
            ", 431 entries\n"
            "[2/3 build] because: input 'src/main.c' changed\n"
            "built sha256:0123456789ab (hello:latest) in 12.3s: 1 step run, 4 cached\n");
}

TEST_CASE("plain progress: a failed step's output is repeated only when others wrote in between") {
  Screen screen;
  const auto progress = make_progress(ProgressKind::plain, screen.console, {}, steady_clock());
  progress->step_started(k_second);
  progress->step_started(k_third);
  progress->step_output(k_second, "broken\n");
  progress->step_output(k_third, "other\n");
  progress->step_finished(k_second, {.state = State::failed, .seconds = 1});
  CHECK(
      screen.text.ends_with("[3/3 test] | other\n[2/3 build] last lines of the output:\n[2/3 build] | "
                            "broken\n[2/3 build] failed after 1.0s\n"));
  Screen quiet;
  const auto alone = make_progress(ProgressKind::plain, quiet.console, {}, steady_clock());
  alone->step_started(k_second);
  alone->step_output(k_second, "broken\n");
  alone->step_finished(k_second, {.state = State::failed, .seconds = 1});
  CHECK(quiet.text == "[2/3 build] run: make\n[2/3 build] | broken\n[2/3 build] failed after 1.0s\n");
}

TEST_CASE("JSON progress: one object a line with stable keys") {
  Screen screen;
  const auto progress = make_progress(ProgressKind::json, screen.console, {}, steady_clock());
  progress->planned(3);
  progress->step_started(k_second);
  progress->step_output(k_second, "a\xff\n");
  progress->step_finished(k_second, {.state = State::failed, .seconds = 0.5, .bytes = 7, .entries = 2});
  progress->note("careful");
  progress->failed(Error(ErrorKind::not_found, "no").context("looking").hint("look"), {});
  CHECK(progress->reports_errors());
  std::vector<Json> events;
  for (const std::string& line : split(screen.text, '\n')) {
    if (!line.empty()) events.push_back(Json::parse(line));
  }
  REQUIRE(events.size() == 6);
  CHECK(events[0] == Json{{"event", "planned"}, {"total", 3}});
  CHECK(events[1] ==
        Json{{"event", "started"}, {"number", 2}, {"total", 3}, {"stage", "build"}, {"text", "run: make"}});
  CHECK(events[2]["text"] == "a\xEF\xBF\xBD\n");
  CHECK(events[3]["state"] == "failed");
  CHECK(events[3]["bytes"] == 7);
  CHECK(events[3]["entries"] == 2);
  CHECK(events[3]["seconds"] == 0.5);
  CHECK(events[4] == Json{{"event", "note"}, {"text", "careful"}});
  CHECK(events[5] == Json{{"event", "error"},
                          {"kind", "not-found"},
                          {"text", "no"},
                          {"while", {"looking"}},
                          {"hint", "look"}});
}

TEST_CASE("live progress: finished steps stay, running ones vanish, a failure shows its last lines") {
  Screen screen(true);
  auto progress = make_progress(ProgressKind::automatic, screen.console, {.colour = Colour::no, .utf8 = true},
                                steady_clock());
  progress->step_finished(k_first, {.state = State::cached});
  progress->step_started(k_second);
  CHECK(screen.text.find("[2/3] build: run: make") != std::string::npos);
  for (int line = 1; line <= 25; ++line)
    progress->step_output(k_second, "line " + std::to_string(line) + "\n");
  progress->step_finished(k_second, {.state = State::failed, .seconds = 2});
  progress->failed(Error(ErrorKind::system, "x"), {});
  CHECK(screen.text.starts_with("= [1/3] build: from: scratch  cached\n"));
  CHECK(screen.text.find("✗ [2/3] build: run: make  failed after 2.0s\n  | line 6\n") != std::string::npos);
  CHECK(screen.text.find("  | line 25\n") != std::string::npos);
  CHECK(screen.text.find("  | line 5\n") == std::string::npos);
  CHECK(screen.text.ends_with("  | line 25\n"));
}

TEST_CASE("quiet progress: silence, but for a failed step's last lines") {
  Screen screen;
  const auto progress = make_progress(ProgressKind::quiet, screen.console, {}, steady_clock());
  progress->step_started(k_first);
  progress->step_output(k_first, "x\n");
  progress->step_finished(k_first, {.state = State::done});
  progress->note("n");
  CHECK(screen.text.empty());
  progress->step_output(k_second, "why\n");
  progress->step_finished(k_second, {.state = State::failed, .seconds = 1});
  CHECK(screen.text == "[2/3 build] run: make: failed after 1.0s\n[2/3 build] | why\n");
}

TEST_CASE("lines of output: carriage returns, colours, control characters, endless lines") {
  OutputLines lines;
  CHECK(lines.add("10%\r20%\r100%\r\n") == std::vector<std::string>{"100%"});
  CHECK(lines.add("\033[31mred\033[0m\tx\033]0;title\a\n") == std::vector<std::string>{"red x"});
  CHECK(lines.add("bell\a\n") == std::vector<std::string>{"bell\\x07"});
  CHECK(lines.add(std::string(OutputLines::k_line_limit + 5, 'x')).size() == 1);
  CHECK(lines.finish() == std::vector<std::string>{"xxxxx"});
  CHECK(lines.finish().empty());
  CHECK(lines.tail().size() == 5);
  lines.add("start\nmiddle");
  CHECK(lines.latest() == "middle");
}
