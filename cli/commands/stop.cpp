// verb: stop
#include "cli/containers/stop.hpp"
#include "base/signal_names.hpp"
#include "cli/commands/commands.hpp"
#include "cli/registry_options.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Outcome run(Session& session, const Arguments& arguments) {
  StopOptions options;
  if (const auto text = arguments.find("time")) options.timeout = TRY(parse_stop_timeout(*text));
  if (const auto text = arguments.find("signal")) options.signal = TRY(parse_signal(*text));
  Containers containers = TRY(Containers::open(session));
  FirstError errors(session.console());
  const auto records = TRY(selected_containers(containers, arguments, errors));
  auto results = stop_containers(containers, records, options);
  for (std::size_t i = 0; i < records.size(); ++i)
    if (errors.done(std::move(results[i]))) print_line(records[i].name);
  return std::move(errors).outcome({});
}

}  // namespace

const Verb& stop_verb() {
  static const Verb verb{
      .name = "stop",
      .operands = "CONTAINER...",
      .summary = "Stop running containers",
      .details =
          "The program gets the stop signal (--stop-signal, the image's, or SIGTERM), and is killed when it "
          "still runs after the time. Several containers are stopped at once. The names are printed.",
      .flags = with_flags(selection_flags(),
                          {{.name = "signal", .letter = 's', .value = "SIGNAL", .help = "another signal"},
                           {.name = "time",
                            .letter = 't',
                            .value = "SECONDS",
                            .help = "how long to wait (default: --stop-timeout of the container, 10)"}}),
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
