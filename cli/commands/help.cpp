// verb: help
#include "cli/commands/commands.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session&, const Arguments& arguments) {
  if (arguments.operands().empty()) {
    print(program_help());
    return 0;
  }
  const VerbMatch match = TRY(find_verb(arguments.operands()));
  print(help_text(*match.verb));
  return 0;
}

}  // namespace

const Verb& help_verb() {
  static const Verb verb{
      .name = "help",
      .operands = "[VERB]",
      .summary = "Explain a verb",
      .most_operands = 2,
      .completion = Completion::word,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
