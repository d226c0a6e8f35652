// verb: create
#include <algorithm>
#include <array>

#include "cli/commands/commands.hpp"
#include "cli/containers/create.hpp"
#include "cli/containers/inherited_volumes.hpp"
#include "cli/resource_flags.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  ContainerRequest request = TRY(container_request(arguments, session.environment()));
  TRY(inherit_volumes(session, request));
  const NewContainer made = TRY(create_container(session, request, arguments));
  print_line(made.record.id);
  return 0;
}

// Those of `ecrin run`, but for what is about being there when it runs.
std::vector<Flag> flags() {
  constexpr std::array<std::string_view, 6> k_others = {"detach",   "detach-keys", "into",
                                                        "no-cache", "secret",      "sig-proxy"};
  std::vector<Flag> flags;
  for (const Flag& flag : run_verb().flags)
    if (std::ranges::find(k_others, flag.name) == k_others.end()) flags.push_back(flag);
  return flags;
}

}  // namespace

const Verb& create_verb() {
  static const Verb verb{
      .name = "create",
      .operands = "IMAGE[@STEP] [COMMAND [ARG...]]",
      .summary = "Make a container without starting it",
      .details = "Prints its ID. 'ecrin start' starts it; the flags are those of 'ecrin run'.",
      .flags = flags(),
      .least_operands = 1,
      .order = Order::flags_first,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
