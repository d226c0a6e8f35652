// verb: stats
#include <unistd.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/selection.hpp"
#include "cli/containers/stats_line.hpp"
#include "cli/table.hpp"
#include "run/monitor/control.hpp"

namespace ecrin::cli {
namespace {

// Between the two looks that the first numbers come from.
constexpr std::chrono::milliseconds k_first_interval{250};
constexpr std::uint64_t k_most_seconds = 86'400;
constexpr std::string_view k_clear = "\x1b[H\x1b[2J";

using Usages = std::map<std::string, run::ContainerUsage>;  // by ID

struct Chosen {
  std::vector<std::string> ids;  // of those that were named; none: all that run
  bool all = false;
};

Result<std::vector<run::StoredContainer>> choose(Containers& containers, const Chosen& chosen) {
  std::vector<run::StoredContainer> records = TRY(containers.list());
  std::erase_if(records, [&](const run::StoredContainer& record) {
    if (chosen.ids.empty()) return !chosen.all && !is_active(record.state);
    return std::ranges::find(chosen.ids, record.id) == chosen.ids.end();
  });
  return records;
}

Usages look(Containers& containers, const std::vector<run::StoredContainer>& records, FirstError& errors) {
  Usages usages;
  for (const run::StoredContainer& record : records) {
    if (!is_active(record.state)) continue;
    auto usage = [&]() -> Result<run::ContainerUsage> {
      const Fd socket = TRY(containers.connect(record));
      return run::parse_usage(TRY(run::ask(socket, {{"verb", "usage"}})));
    }();
    if (usage) {
      usages.emplace(record.id, *usage);
    } else if (usage.error().kind() != ErrorKind::conflict && usage.error().kind() != ErrorKind::not_found) {
      errors.done(std::unexpected(std::move(usage).error()));  // anything but its end
    }
  }
  return usages;
}

Result<> show(const std::vector<run::StoredContainer>& records, const Usages& before, const Usages& now,
              const Arguments& arguments) {
  const auto find = [](const Usages& usages, const std::string& id) {
    const auto found = usages.find(id);
    return found == usages.end() ? std::nullopt : std::optional(found->second);
  };
  const bool whole = arguments.on("no-trunc");
  std::vector<Json> rows;
  for (const run::StoredContainer& record : records)
    rows.push_back(
        stats_row(record, {.before = find(before, record.id), .now = find(now, record.id)}, whole));
  const std::string format = arguments.value("format");
  if (format == "json")
    for (Json& row : rows) row = stats_document(row);
  if (!format.empty() && format != "table") return print_formatted(format, rows);
  std::vector<std::vector<std::string>> cells;
  for (const Json& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (const char* key :
         {"ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs", "UpTime", "AVGCPU"})
      line.push_back(row[key].get<std::string>());
  }
  print(format_table({"ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET IO", "BLOCK IO", "PIDS",
                      "CPU TIME", "AVG CPU %"},
                     cells, Heading::shown));
  return {};
}

Result<Chosen> chosen_by(Containers& containers, const Arguments& arguments) {
  Chosen chosen{.ids = {}, .all = arguments.on("all")};
  const std::vector<std::string>& names = arguments.operands();
  if (int(chosen.all) + int(arguments.on("latest")) + int(!names.empty()) > 1)
    return fail(ErrorKind::invalid, "names, --all and --latest do not go together");
  if (arguments.on("latest")) chosen.ids.push_back(TRY(containers.latest()).id);
  for (const std::string& name : names) chosen.ids.push_back(TRY(containers.find(name)).id);
  return chosen;
}

Outcome run(Session& session, const Arguments& arguments) {
  const auto seconds = parse_unsigned(arguments.value("interval", "5"), k_most_seconds);
  if (!seconds || *seconds == 0)
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("--interval is a number of seconds from 1 to {}, not '{}'",
                                              k_most_seconds, printable(arguments.value("interval"), 60))));
  Containers containers = TRY(Containers::open(session));
  FirstError errors(session.console());
  const Chosen chosen = TRY(chosen_by(containers, arguments));
  const bool streams = arguments.on("stream", true) && !arguments.on("no-stream");
  const bool clears = streams && !arguments.on("no-reset") && ::isatty(1) == 1;
  Usages before = look(containers, TRY(choose(containers, chosen)), errors);
  if (!before.empty()) std::this_thread::sleep_for(k_first_interval);
  for (;;) {
    const auto records = TRY(choose(containers, chosen));
    Usages now = look(containers, records, errors);
    if (clears) print(k_clear);
    TRY(show(records, before, now, arguments));
    TRY(finish_output());
    // Those that were named have all ended: nothing will change any more.
    if (!streams || (!chosen.ids.empty() && now.empty())) break;
    before = std::move(now);
    std::this_thread::sleep_for(std::chrono::seconds(*seconds));
  }
  return std::move(errors).outcome({});
}

}  // namespace

const Verb& stats_verb() {
  static const Verb verb{
      .name = "stats",
      .operands = "[CONTAINER...]",
      .summary = "Show what running containers use",
      .details =
          "Processor time, memory, network, block devices and processes, again and again; of all that run, "
          "or of those that are named. From the container's cgroup; where it has none of its own, from what "
          "its processes say. '--' is what cannot be known.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "also those that are not running"},
              {.name = "format",
               .value = "FORMAT",
               .help = "json, table, or a template like '{{.Name}} {{.MemUsage}}'"},
              {.name = "interval",
               .letter = 'i',
               .value = "SECONDS",
               .help = "the time between two tables (default 5)"},
              {.name = "latest", .letter = 'l', .value = "", .help = "the container that was made last"},
              {.name = "no-reset", .value = "", .help = "do not clear the terminal before each table"},
              {.name = "no-stream", .value = "", .help = "show one table only"},
              {.name = "no-trunc", .value = "", .help = "show whole IDs"},
              {.name = "stream", .value = "", .help = "show table after table (default true)"},
          },
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
