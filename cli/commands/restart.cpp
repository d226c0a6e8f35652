// verb: restart
#include "cli/commands/commands.hpp"
#include "cli/containers/start.hpp"
#include "cli/containers/stop.hpp"
#include "cli/registry_options.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  StopOptions options;
  if (const auto text = arguments.find("time")) options.timeout = TRY(parse_stop_timeout(*text));
  FirstError errors(session.console());
  const bool only_running = arguments.on("running");
  std::vector<run::StoredContainer> records;
  std::vector<Result<>> stopped;
  {
    Containers containers = TRY(Containers::open(session));
    if (only_running && arguments.operands().empty()) {
      records = TRY(containers.list());
    } else {
      records = TRY(selected_containers(containers, arguments, errors));
    }
    if (only_running)
      std::erase_if(records, [](const run::StoredContainer& record) { return !is_active(record.state); });
    stopped = stop_containers(containers, records, options);
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!errors.done(std::move(stopped[i]))) continue;
    auto started = start_container(session, records[i], {.presence = Presence::detached});
    if (errors.done(started ? Result<>{} : std::unexpected(std::move(started).error().error)))
      print_line(records[i].name);
  }
  return std::move(errors).outcome({});
}

}  // namespace

const Verb& restart_verb() {
  static const Verb verb{
      .name = "restart",
      .operands = "CONTAINER...",
      .summary = "Stop containers and start them again",
      .details = "What does not run is only started. The names are printed.",
      .flags = with_flags(selection_flags(),
                          {{.name = "running", .value = "", .help = "only those that are running"},
                           {.name = "time",
                            .letter = 't',
                            .value = "SECONDS",
                            .help = "how long to wait before a program is killed"}}),
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
