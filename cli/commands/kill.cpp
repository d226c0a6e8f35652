// verb: kill
#include <nlohmann/json.hpp>

#include "base/signal_names.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/selection.hpp"
#include "cli/registry_options.hpp"
#include "cli/table.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

Result<> kill_one(Containers& containers, const run::StoredContainer& record, int signal) {
  const Fd socket = TRY(containers.connect(record));
  TRY(run::ask(socket, {{"verb", "signal"}, {"signal", signal}}));
  return {};
}

Outcome run(Session& session, const Arguments& arguments) {
  const int signal = TRY(parse_signal(arguments.value("signal", "KILL")));
  Containers containers = TRY(Containers::open(session));
  FirstError errors(session.console());
  for (const run::StoredContainer& record : TRY(selected_containers(containers, arguments, errors))) {
    if (arguments.on("all") && !is_active(record.state)) continue;
    if (errors.done(kill_one(containers, record, signal))) print_line(record.name);
  }
  return std::move(errors).outcome({});
}

}  // namespace

const Verb& kill_verb() {
  static const Verb verb{
      .name = "kill",
      .operands = "CONTAINER...",
      .summary = "Send a signal to the programs of running containers",
      .details = "SIGKILL, unless another one is named. Does not wait for what becomes of it.",
      .flags = with_flags(
          selection_flags(),
          {{.name = "signal", .letter = 's', .value = "SIGNAL", .help = "by name or number (default KILL)"}}),
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
