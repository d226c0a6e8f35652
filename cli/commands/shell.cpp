// verb: shell
#include <algorithm>
#include <array>

#include "cli/commands/commands.hpp"
#include "cli/run_container.hpp"
#include "cli/step_shell.hpp"

namespace ecrin::cli {
namespace {

// Those of `ecrin run`, but for what a shell decides itself.
std::vector<Flag> flags() {
  constexpr std::array<std::string_view, 12> k_own = {"detach",   "entrypoint", "interactive", "into",
                                                      "no-cache", "restart",    "rm",          "rootfs",
                                                      "secret",   "systemd",    "trace",       "tty"};
  std::vector<Flag> flags;
  for (const Flag& flag : run_verb().flags)
    if (std::ranges::find(k_own, flag.name) == k_own.end()) flags.push_back(flag);
  return flags;
}

Outcome run(Session& session, const Arguments& arguments) {
  ContainerRequest request = TRY(container_request(arguments, session.environment()));
  if (!request.command.empty() && request.command.front() == "--")
    request.command.erase(request.command.begin());
  request.terminal = has_terminal();
  request.interactive = true;
  request.systemd = SystemdMode::off;
  request.life.remove = true;
  return run_in_foreground(session, request, arguments, Program::shell);
}

}  // namespace

const Verb& shell_verb() {
  static const Verb verb{
      .name = "shell",
      .operands = "IMAGE[@STEP] [COMMAND [ARG...]]",
      .summary = "Open a shell in an image, or in a step of its build",
      .details =
          "IMAGE@3 is the image as it was after the third entry of its history (see 'ecrin history'): tree, "
          "environment, user and work directory. The shell is the image's own, else /bin/sh. What is changed "
          "there is thrown away. The exit code is the program's.",
      .flags = flags(),
      .least_operands = 1,
      .order = Order::flags_first,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
