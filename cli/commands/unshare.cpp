// verb: unshare
#include <signal.h>

#include "base/child.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_mounts.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

// The command's environment: ours, and the session that it is in.
std::vector<std::string> session_environment(const SharedNamespace& shared) {
  std::vector<std::string> lines;
  const std::string name = k_shared_namespace_variable;
  for (const std::string& line : environment_lines())
    if (!line.starts_with(name + "=")) lines.push_back(line);
  lines.push_back(name + "=" + shared.to_string());
  return lines;
}

// Ctrl-C and Ctrl-\ are meant for the command.
class IgnoredSignals {
public:
  IgnoredSignals() : m_interrupt(::signal(SIGINT, SIG_IGN)), m_quit(::signal(SIGQUIT, SIG_IGN)) {}
  IgnoredSignals(const IgnoredSignals&) = delete;
  IgnoredSignals& operator=(const IgnoredSignals&) = delete;
  ~IgnoredSignals() {
    ::signal(SIGINT, m_interrupt);
    ::signal(SIGQUIT, m_quit);
  }

private:
  void (*m_interrupt)(int);
  void (*m_quit)(int);
};

Outcome run(Session& session, const Arguments& arguments) {
  Command command{.argv = arguments.operands(), .inherit_stdio = true};
  if (command.argv.empty()) {
    const auto shell = session.environment()("SHELL");
    command.argv = {shell && shell->starts_with('/') ? *shell : "/bin/sh"};
  }
  command.search_path = session.search_path();
  TRY(clear_dead_mounts(session));
  build::Workshop* workshop = TRY(session.workshop());
  const std::string name = TRY(mount_namespace_name());
  const SharedNamespace shared{.lease = workshop->store().lease(), .name = name};
  command.environment = session_environment(shared);
  auto child = Child::spawn(command);
  if (!child) {
    const int code = child.error().kind() == ErrorKind::not_found ? 127 : 126;
    return std::unexpected(Failure(std::move(child).error(), code));
  }
  const IgnoredSignals ignored;
  return TRY(child->wait()).shell_code();
}

}  // namespace

const Verb& unshare_verb() {
  static const Verb verb{
      .name = "unshare",
      .operands = "[COMMAND [ARG...]]",
      .summary = "Run a command, or a shell, inside ecrin's user namespace",
      .details =
          "There the user is root over the ids of the user's ranges: files of images have their owners, and "
          "'ecrin image mount' uses the kernel's overlay. The exit code is the command's.",
      .order = Order::flags_first,
      .completion = Completion::file,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
