#include "cli/program.hpp"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/error_report.hpp"
#include "cli/interrupt.hpp"
#include "cli/runtime/runtime.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

std::optional<log::Level> least_level(const Arguments& global) {
  if (global.on("debug")) return log::Level::debug;
  const std::string name = global.value("log-level", "warning");
  if (name == "debug") return log::Level::debug;
  if (name == "info") return log::Level::info;
  if (name == "warning") return log::Level::warning;
  return std::nullopt;
}

void set_up_messages(const Arguments& global, StatusLine& console, Colour colour) {
  const auto least = least_level(global);
  if (!least) return;
  log::set_handler(*least, [&console, colour](log::Level level, const std::string& message) {
    console.print(level == log::Level::warning ? format_warning(message, colour)
                  : level == log::Level::debug ? "debug: " + message
                                               : message);
  });
}

Outcome run_verb(const Arguments& global, StatusLine& console, const Environment& environment,
                 Colour colour) {
  const std::vector<std::string>& words = global.operands();
  if (global.on("version")) {
    print_line(fmt::format("ecrin version {}", program_version()));
    return 0;
  }
  if (global.help() || words.empty()) {
    print(program_help());
    return 0;
  }
  const VerbMatch match = TRY(find_verb(words));
  const Arguments arguments = TRY(parse_arguments(*match.verb, std::span(words).subspan(match.words)));
  if (arguments.help()) {
    print(help_text(*match.verb));
    return 0;
  }
  SessionOptions options{.root = global.value("root"), .driver = std::nullopt};
  if (const auto driver = global.find("driver")) options.driver = TRY(fs::parse_driver(*driver));
  Session session(std::move(options), console, environment,
                  {.colour = colour, .utf8 = has_utf8_locale(environment)});
  return match.verb->run(session, arguments);
}

}  // namespace

int run_program(std::string_view called, const std::vector<std::string>& words) {
  // An OCI runtime is started often and does little: nothing of what verbs have is made for it.
  if (called.substr(called.rfind('/') + 1) == "ecrin-runtime") return run_runtime(words);
  if (!words.empty() && words.front() == "runtime") return run_runtime(std::span(words).subspan(1));
  const Environment environment = process_environment();
  const bool on_terminal = ::isatty(2) == 1;
  const Colour colour = choose_colour(environment, on_terminal);
  StatusLine console([](std::string_view text) { ::fwrite(text.data(), 1, text.size(), stderr); },
                     on_terminal ? StatusLine::Size(terminal_size) : StatusLine::Size());

  Outcome outcome = [&]() -> Outcome {
    const Arguments global = TRY(parse_arguments(program(), words));
    set_up_messages(global, console, colour);
    return run_verb(global, console, environment, colour);
  }();
  if (auto written = finish_output(); !written) {
    // A reader that has enough (`ecrin images | head -1`) is no failure to talk about.
    if (written.error().code() == EPIPE) return 128 + SIGPIPE;
    if (outcome) outcome = std::unexpected(Failure(std::move(written).error()));
  }
  console.clear();
  if (outcome) return *outcome;
  if (!outcome.error().told) console.print(format_error(outcome.error().error, colour));
  // What failed because it was stopped has the code that a shell gives such a program.
  return Interrupts::signal() == 0 ? outcome.error().exit_code : 128 + Interrupts::signal();
}

}  // namespace ecrin::cli
