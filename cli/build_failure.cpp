#include "cli/build_failure.hpp"

#include "cli/error_report.hpp"
#include "cli/step_shell.hpp"

namespace ecrin::cli {
namespace {

Outcome enter(Session& session, build::Workshop& workshop, const std::string& id, const std::string& wanted,
              const build::BuildOptions& options, const CancelToken& cancel) {
  build::KeptSteps kept(workshop.store().database());
  const build::KeptStep step = TRY(kept.find(id));
  std::vector<std::string> command;
  if (wanted != "shell") command = {"/bin/sh", "-c", wanted};
  return enter_step(session, workshop, step, options, command, cancel);
}

Error with_hint(const Error& error, const std::string& id) {
  return Error(error).hint(fmt::format("'ecrin debug {}' opens the step as it was left", id));
}

}  // namespace

Outcome tell_failure(Session& session, build::Workshop& workshop, Progress& progress, BuildFailure failure,
                     const std::string& wanted, const build::BuildOptions& options,
                     const CancelToken& cancel) {
  const bool is_kept = !failure.step.kept.empty();
  bool opens = is_kept && wanted != "keep" && !cancel.cancelled();
  if (opens && wanted == "shell" && !has_terminal()) {
    progress.note("no shell is opened, because this is no terminal");
    opens = false;
  }
  if (is_kept) failure.error = with_hint(failure.error, failure.step.kept);
  progress.failed(failure.error, failure.place);
  Failure result(std::move(failure.error), failure.step.exit_code != 0 ? failure.step.exit_code : 125);
  result.told = progress.reports_errors();
  if (!opens) return std::unexpected(std::move(result));
  if (!result.told) session.console().print(format_error(result.error, session.style().colour));
  result.told = true;
  const Outcome entered = enter(session, workshop, failure.step.kept, wanted, options, cancel);
  if (!entered) progress.note("the step was not opened: " + entered.error().error.message());
  return std::unexpected(std::move(result));
}

}  // namespace ecrin::cli
