// verbs: network ls, network inspect, network exists
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/names.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/network_filter.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "run/network/network_store.hpp"

namespace ecrin::cli {
namespace {

Result<Json> document(const run::NetworkConfig& config) {
  return parse_json(run::format_network_config(config), "a network");
}

// The words of podman's templates.
Json facts(const run::NetworkConfig& config, bool full) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : config.labels) labels.push_back(key + "=" + value);
  return {{"ID", std::string(full ? config.id : short_id(config.id))},
          {"Name", config.name},
          {"Driver", config.driver},
          {"Labels", join(labels, ",")}};
}

Outcome list(Session& session, const Arguments& arguments) {
  const NetworkFilter filter = TRY(NetworkFilter::parse(arguments.values("filter"), session.now()));
  std::vector<run::NetworkConfig> networks = TRY(TRY(run::NetworkStore::open(TRY(session.root()))).list());
  std::erase_if(networks, [&filter](const run::NetworkConfig& config) { return !filter.accepts(config); });
  const bool full = arguments.on("no-trunc");
  if (arguments.on("quiet")) {
    for (const run::NetworkConfig& config : networks) print_line(config.name);
    return 0;
  }
  if (const std::string format = arguments.value("format"); !format.empty()) {
    std::vector<Json> rows;
    for (const run::NetworkConfig& config : networks)
      rows.push_back(format == "json" ? TRY(document(config)) : facts(config, full));
    TRY(print_formatted(format, rows));
    return 0;
  }
  std::vector<std::vector<std::string>> cells;
  for (const run::NetworkConfig& config : networks) {
    std::vector<std::string> subnets;
    for (const run::NetworkSubnet& subnet : config.subnets) subnets.push_back(subnet.subnet.to_string());
    cells.push_back({std::string(full ? config.id : short_id(config.id)), config.name, config.driver,
                     join(subnets, ", ")});
  }
  print(format_table({"NETWORK ID", "NAME", "DRIVER", "SUBNETS"}, cells,
                     arguments.on("noheading") ? Heading::hidden : Heading::shown));
  return 0;
}

Outcome inspect(Session& session, const Arguments& arguments) {
  const run::NetworkStore store = TRY(run::NetworkStore::open(TRY(session.root())));
  std::vector<Json> rows;
  for (const std::string& name : arguments.operands()) rows.push_back(TRY(document(TRY(store.find(name)))));
  TRY(print_formatted(arguments.value("format", "json"), rows));
  return 0;
}

Outcome exists(Session& session, const Arguments& arguments) {
  const auto found = TRY(run::NetworkStore::open(TRY(session.root()))).find(arguments.operands().front());
  if (found) return 0;
  if (found.error().kind() == ErrorKind::not_found) return 1;
  return std::unexpected(Failure(found.error()));
}

}  // namespace

const Verb& network_ls_verb() {
  static const Verb verb{
      .name = "network ls",
      .operands = "",
      .summary = "List networks",
      .details =
          "The network 'bridge' is always there.\n\n"
          "Filters: name=PART, id=PREFIX, driver=NAME, label=KEY[=VALUE], label!=KEY[=VALUE], until=TIME.",
      .flags =
          {
              {.name = "filter",
               .letter = 'f',
               .value = "KEY=VALUE",
               .help = "only networks that fit",
               .occurs = Occurs::often},
              {.name = "format", .value = "FORMAT", .help = "json, or a template like '{{.ID}} {{.Name}}'"},
              {.name = "no-trunc", .value = "", .help = "show whole IDs"},
              {.name = "noheading", .letter = 'n', .value = "", .help = "leave the heading out"},
              {.name = "quiet", .letter = 'q', .value = "", .help = "show names only"},
          },
      .most_operands = 0,
      .run = list,
  };
  return verb;
}

const Verb& network_inspect_verb() {
  static const Verb verb{
      .name = "network inspect",
      .operands = "NETWORK...",
      .summary = "Show the descriptions of networks",
      .details = "As JSON, in podman's form. A network is named by its name, or the beginning of its ID.",
      .flags = {{.name = "format",
                 .letter = 'f',
                 .value = "FORMAT",
                 .help = "json (default), or a template like '{{.name}}'"}},
      .least_operands = 1,
      .run = inspect,
  };
  return verb;
}

const Verb& network_exists_verb() {
  static const Verb verb{
      .name = "network exists",
      .operands = "NETWORK",
      .summary = "Is there such a network? Exit code 0 or 1",
      .details = "Prints nothing.",
      .least_operands = 1,
      .most_operands = 1,
      .run = exists,
  };
  return verb;
}

}  // namespace ecrin::cli
