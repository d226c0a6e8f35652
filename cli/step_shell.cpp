#include "cli/step_shell.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "base/variables.hpp"
#include "cli/standard_streams.hpp"
#include "cli/terminal.hpp"

namespace ecrin::cli {

std::string describe(const build::KeptStep& step) {
  return fmt::format("step {} of stage '{}' ({}:{}), which failed with exit status {}", step.number,
                     printable(step.stage), printable(step.file), step.line, step.exit_code);
}

bool has_terminal() {
  return ::isatty(0) == 1 && ::isatty(1) == 1;
}

Outcome enter_step(Session& session, build::Workshop& workshop, const build::KeptStep& step,
                   const build::BuildOptions& options, const std::vector<std::string>& command,
                   const CancelToken& cancel) {
  const bool terminal = has_terminal();
  std::optional<SignalQueue> signals;
  build::ReopenRequest request;
  request.command = command;
  request.options = options;
  request.options.now = session.now();
  request.note = [&](const std::string& message) { session.console().print("note: " + message); };
  request.prepare = [&](run::ContainerOptions& container) -> Result<> {
    signals.emplace(TRY(SignalQueue::open()));
    oci::RuntimeProcess& process = container.config.process;
    process.terminal = terminal;
    if (!terminal) {
      container.stdio.input = TRY(standard_stream(0));
      container.stdio.output = TRY(standard_stream(1));
      container.stdio.error = TRY(standard_stream(2));
      return {};
    }
    process.console_size = terminal_size(TRY(standard_stream(1)));
    const std::string term = session.environment()("TERM").value_or("xterm");
    if (!find_variable(process.env, "TERM")) process.env.push_back("TERM=" + term);
    return {};
  };
  request.attend = [&](run::Container& container) {
    return attend(container, *signals, terminal, Input::standard);
  };
  auto status = build::reopen_step(workshop, step, request, cancel);
  if (status) return status->shell_code();
  const Error& error = status.error();
  const bool missing = error.kind() == ErrorKind::program_not_found;
  const int code = missing ? 127 : error.kind() == ErrorKind::program_not_executable ? 126 : 125;
  if (!missing || !command.empty()) return std::unexpected(Failure(error, code));
  return std::unexpected(
      Failure(Error(error).hint(
                  fmt::format("the tree has no shell; name a program: ecrin debug {} -- PROGRAM", step.id)),
              code));
}

}  // namespace ecrin::cli
