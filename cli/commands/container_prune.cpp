// verb: container prune
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/create.hpp"
#include "cli/containers/filter.hpp"
#include "cli/containers/selection.hpp"
#include "cli/prompt.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

// One that is started at this moment is locked, and stays.
Result<bool> remove_stopped(Containers& containers, const run::StoredContainer& record) {
  const auto lock = [&]() -> Result<std::optional<FileLock>> {
    return TRY(containers.place(record)).lock(std::chrono::milliseconds(0));
  }();
  if (!lock && lock.error().kind() != ErrorKind::not_found) return std::unexpected(lock.error());
  if (lock && !*lock) return false;
  if (const auto now = TRY(containers.table().get(record.id)); now && is_active(now->state)) return false;
  TRY(remove_container(containers.store(), record.id));
  return true;
}

Outcome run(Session& session, const Arguments& arguments) {
  const ContainerFilter filter = TRY(ContainerFilter::parse(arguments.values("filter"), session.now()));
  if (!arguments.on("force") && !confirmed("This removes all containers that are not running.")) return 0;
  Containers containers = TRY(Containers::open(TRY(session.workshop(Store::Purpose::freeing))->store()));
  const std::vector<run::StoredContainer> records = TRY(containers.list());
  FirstError errors(session.console());
  for (const run::StoredContainer& record : records) {
    if (is_active(record.state) || !TRY(filter.accepts(record, records))) continue;
    const auto removed = remove_stopped(containers, record);
    if (errors.done(removed ? Result<>{} : std::unexpected(removed.error())) && *removed)
      print_line(record.id);
  }
  return std::move(errors).outcome({});
}

}  // namespace

const Verb& container_prune_verb() {
  static const Verb verb{
      .name = "container prune",
      .operands = "",
      .summary = "Remove all containers that are not running",
      .details =
          "With what was written to their trees. On a terminal it asks first. The IDs are printed. Filters "
          "are those of 'ecrin ps'.",
      .flags =
          {
              {.name = "filter",
               .value = "KEY=VALUE",
               .help = "only containers that fit",
               .occurs = Occurs::often},
              {.name = "force", .letter = 'f', .value = "", .help = "do not ask"},
          },
      .most_operands = 0,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
