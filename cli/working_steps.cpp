#include "cli/working_steps.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "build/working_mounts.hpp"
#include "cli/build_request.hpp"
#include "cli/environment.hpp"
#include "cli/import_changes.hpp"
#include "cli/interrupt.hpp"
#include "cli/registries.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

class StepPrinter final : public build::BuildObserver {
public:
  StepPrinter(StatusLine& console, bool quiet) : m_console(console), m_quiet(quiet) {}
  void planned(std::size_t) override {}
  void step_started(const build::StepInfo&) override {}
  void step_output(const build::StepInfo&, std::string_view bytes) override {
    print(bytes);
    (void)finish_output();  // an error of the stream is found at the end
  }
  void step_finished(const build::StepInfo& step, const build::StepResult& result) override {
    if (!m_quiet && result.state == build::StepResult::State::cached)
      m_console.print("cached: " + printable(step.text));
  }
  void note(const std::string& message) override { m_console.print("note: " + message); }

private:
  StatusLine& m_console;
  bool m_quiet;
};

}  // namespace

Result<recipes::RunStep> parse_step_command(std::vector<std::string> words) {
  recipes::RunStep step;
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  if (words.empty()) {
    return std::unexpected(
        Error(ErrorKind::invalid, "there is no command")
            .hint("ecrin run --into NAME 'SCRIPT', or ecrin run --into NAME PROGRAM ARG..."));
  }
  if (words.size() > 1) {
    step.command = std::move(words);
  } else if (trim(words.front()).starts_with('[')) {
    step.command = TRY(parse_command(words.front()));
  } else {
    step.command = std::move(words.front());
  }
  return step;
}

Result<build::BuildOptions> step_options(Session& session) {
  build::BuildOptions options;
  options.epoch = TRY(source_date_epoch(session.environment()));
  options.proxy_environment = proxy_environment(session.environment());
  options.now = session.now();
  return options;
}

Outcome put_steps(Session& session, const Arguments& arguments, const std::string& name,
                  const StepsFor& steps_for, build::BuildOptions options) {
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  const bool quiet = arguments.on("quiet");
  build::Workshop* workshop = TRY(session.workshop());
  options.obtain_image = image_obtainer(session, *workshop, *registries, TRY(pull_policy(arguments, "pull")),
                                        quiet ? ProgressKind::quiet : ProgressKind::automatic);
  build::WorkingContainers containers(workshop->store());
  StepPrinter printer(session.console(), quiet);
  build::FailedStep failed;
  const auto put = [&]() -> Result<> {
    const NamedLock lock = TRY(containers.lock(name, &interrupts.token(), [&] {
      session.console().print(fmt::format("note: waiting for another step on '{}'", printable(name)));
    }));
    build::WorkingContainer container = TRY(containers.need(name));
    TRY(build::settle_mount(*workshop, container, {.epoch = options.epoch.value_or(0), .now = options.now},
                            interrupts.token()));
    const build::StepsRequest request = TRY(steps_for(container));
    TRY(build::add_steps(*workshop, container, request, options, printer, interrupts.token(), &failed));
    return containers.update(container);
  }();
  if (put) return 0;
  const int code = failed.exit_code != 0 ? failed.exit_code : 125;
  if (failed.kept.empty()) return std::unexpected(Failure(put.error(), code));
  return std::unexpected(Failure(
      Error(put.error()).hint(fmt::format("'ecrin debug {}' opens the step as it was left", failed.kept)),
      code));
}

}  // namespace ecrin::cli
