// verb: rm
#include <set>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/first_error.hpp"
#include "cli/table.hpp"
#include "cli/working_mounts.hpp"

namespace ecrin::cli {
namespace {

// `names`: of all that there are, also of those that need() cannot read.
Result<> remove_one(Session& session, build::WorkingContainers& containers,
                    const std::set<std::string>& names, const std::string& name, bool force) {
  if (!names.contains(name)) {
    if (!force) TRY(containers.need(name));
    return {};
  }
  // Whoever works on it finishes first.
  const NamedLock lock = TRY(containers.lock(name, nullptr));
  TRY(drop_mount(session, name));
  TRY(containers.remove(name));
  print_line(name);
  return {};
}

Outcome run(Session& session, const Arguments& arguments) {
  const bool all = arguments.on("all");
  if (all == !arguments.operands().empty())
    return std::unexpected(
        Error(ErrorKind::invalid, all ? "--all takes no names" : "'ecrin rm' needs CONTAINER... or --all"));
  // Where mounts of this session can be taken down.
  if (shared_namespace(session.environment())) TRY(session.stay_in_namespace());
  build::Workshop* workshop = TRY(session.workshop(Store::Purpose::freeing));
  build::WorkingContainers containers(workshop->store());
  const std::vector<std::string> there = TRY(containers.names());
  const std::set<std::string> known(there.begin(), there.end());
  FirstError errors(session.console());
  for (const std::string& name : all ? there : arguments.operands())
    errors.done(remove_one(session, containers, known, name, arguments.on("force")));
  return std::move(errors).outcome({.not_found = 1});
}

}  // namespace

const Verb& rm_verb() {
  static const Verb verb{
      .name = "rm",
      .operands = "CONTAINER...",
      .summary = "Remove working containers",
      .details =
          "Those that 'ecrin from' made. Their steps stay in the build cache, images made of them stay. "
          "Containers of "
          "'ecrin run' are removed at their end.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "remove all working containers"},
              {.name = "force", .letter = 'f', .value = "", .help = "ignore what is missing"},
          },
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
