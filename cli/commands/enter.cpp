// verb: enter
#include "cli/commands/commands.hpp"
#include "cli/container_request.hpp"
#include "cli/entered_system.hpp"
#include "cli/registries.hpp"
#include "cli/registry_options.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  return enter_system(session, TRY(enter_request(arguments, session.environment())), arguments);
}

std::vector<Flag> flags() {
  return {
      {.name = "as-root", .value = "", .help = "be root there; outside you stay who you are"},
      {.name = "entrypoint",
       .value = "COMMAND",
       .help = "with --program: instead of the image's; one word or a JSON list"},
      {.name = "network",
       .value = "MODE",
       .help = "host (default) or none",
       .completion = Completion::word,
       .words = {"host", "none"}},
      {.name = "platform", .value = "OS/ARCH[/VARIANT]", .help = "the image for this platform"},
      {.name = "program", .value = "", .help = "run what the image runs; COMMAND and ARG are its arguments"},
      {.name = "volume",
       .letter = 'v',
       .value = "SOURCE:PATH[:OPTIONS]",
       .help = "a directory or volume more",
       .occurs = Occurs::often},
      {.name = "workdir", .letter = 'w', .value = "PATH", .help = "begin there, not in this directory"},
  };
}

}  // namespace

const Verb& enter_verb() {
  static const Verb verb{
      .name = "enter",
      .operands = "DIR|IMAGE [COMMAND [ARG...]]",
      .summary = "Be in another system, with your own name, home, terminal and network",
      .details =
          "A shell, or COMMAND, with the programs of a directory ('/' or '.' in front) or an image, but your "
          "user, your home directory, /tmp, the work directory and the network of this machine. What is "
          "changed in an image is thrown away; a directory is written to. The exit code is the program's.",
      .flags = with_flags(with_flags(with_flags(flags(), variable_flags()), pull_flags()), registry_flags()),
      .least_operands = 1,
      .order = Order::flags_first,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
