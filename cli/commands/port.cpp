// verb: port
#include "base/names.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/port_lines.hpp"
#include "cli/containers/selection.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Result<std::vector<run::PublishedPort>> ports_of(const run::StoredContainer& record) {
  return shown_ports(record, TRY(decode_request(record.request)));
}

Outcome run(Session& session, const Arguments& arguments) {
  std::span<const std::string> words = arguments.operands();
  Containers containers = TRY(Containers::open(session));
  if (arguments.on("all")) {
    if (!words.empty() || arguments.on("latest"))
      return std::unexpected(Error(ErrorKind::invalid, "names, --all and --latest do not go together"));
    for (const run::StoredContainer& record : TRY(containers.list()))
      for (const std::string& line : port_lines(TRY(ports_of(record))))
        print_line(fmt::format("{}\t{}", short_id(record.id), line));
    return 0;
  }
  const run::StoredContainer record = TRY(latest_or_first(containers, arguments, words));
  if (words.size() > 1) return std::unexpected(Error(ErrorKind::invalid, "name one port at most"));
  const auto ports = TRY(ports_of(record));
  const auto lines = words.empty() ? port_lines(ports) : TRY(places_of_port(ports, words.front()));
  for (const std::string& line : lines) print_line(line);
  return 0;
}

}  // namespace

const Verb& port_verb() {
  static const Verb verb{
      .name = "port",
      .operands = "CONTAINER [PORT[/PROTOCOL]]",
      .summary = "Show where the published ports of a container are found",
      .details =
          "One line for each, 'PORT/PROTOCOL -> ADDRESS:HOST-PORT'; for one port what is behind the arrow. "
          "Free ports that were chosen are chosen again at the next start, when they are free then.",
      .flags = {{.name = "all", .letter = 'a', .value = "", .help = "of all containers, with their IDs"},
                {.name = "latest",
                 .letter = 'l',
                 .value = "",
                 .help = "of the container that was made last; there is no CONTAINER then"}},
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
