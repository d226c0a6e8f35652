// verbs: network rm, network prune
#include "cli/commands/commands.hpp"
#include "cli/first_error.hpp"
#include "cli/network_filter.hpp"
#include "cli/prompt.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "run/network/network_store.hpp"

namespace ecrin::cli {
namespace {

// All that can be removed are; the first that cannot is the error.
Outcome remove(Session& session, const Arguments& arguments) {
  const run::NetworkStore store = TRY(run::NetworkStore::open(TRY(session.root())));
  FirstError errors(session.console());
  for (const std::string& name : arguments.operands()) {
    auto removed = store.remove(name);
    if (!removed && removed.error().kind() == ErrorKind::not_found && arguments.on("force")) continue;
    if (errors.done(std::move(removed))) print_line(name);
  }
  return std::move(errors).outcome({.not_found = 1, .conflict = 2});  // podman's codes
}

Outcome prune(Session& session, const Arguments& arguments) {
  const NetworkFilter filter = TRY(NetworkFilter::parse(arguments.values("filter"), session.now()));
  if (!arguments.on("force") && !confirmed("This removes all networks that no container is on.")) return 0;
  const run::NetworkStore store = TRY(run::NetworkStore::open(TRY(session.root())));
  for (const run::NetworkConfig& config : TRY(store.list())) {
    if (config.name == run::k_default_network || !filter.accepts(config)) continue;
    const auto removed = store.remove(config.name);
    if (removed) {
      print_line(config.name);
    } else if (removed.error().kind() != ErrorKind::conflict &&
               removed.error().kind() != ErrorKind::not_found) {
      return std::unexpected(Failure(removed.error()));
    }
  }
  return 0;
}

}  // namespace

const Verb& network_rm_verb() {
  static const Verb verb{
      .name = "network rm",
      .operands = "NETWORK...",
      .summary = "Remove networks",
      .details = "A network that a container is on stays: exit code 2. 1: there is no such network.",
      .flags =
          {{.name = "force", .letter = 'f', .value = "", .help = "a network that is not there is no error"}},
      .least_operands = 1,
      .run = remove,
  };
  return verb;
}

const Verb& network_prune_verb() {
  static const Verb verb{
      .name = "network prune",
      .operands = "",
      .summary = "Remove all networks that no container is on",
      .details = "On a terminal it asks first.\n\nFilters: those of 'ecrin network ls'.",
      .flags =
          {
              {.name = "filter",
               .value = "KEY=VALUE",
               .help = "only networks that fit",
               .occurs = Occurs::often},
              {.name = "force", .letter = 'f', .value = "", .help = "do not ask"},
          },
      .most_operands = 0,
      .run = prune,
  };
  return verb;
}

}  // namespace ecrin::cli
