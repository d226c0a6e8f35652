// verb: ps
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/names.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/filter.hpp"
#include "cli/containers/port_lines.hpp"
#include "cli/containers/selection.hpp"
#include "cli/containers/shown_mounts.hpp"
#include "cli/containers/stored_request.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

constexpr std::int64_t k_second = 1'000'000'000;
constexpr std::size_t k_short_command = 20;

std::string without_ago(std::string text) {
  if (text.ends_with(" ago")) text.resize(text.size() - 4);
  return text;
}

std::string status_text(const run::ContainerState& state, std::int64_t now) {
  const std::string up = "Up " + without_ago(time_ago(state.started / k_second, now));
  switch (state.status) {
    case run::LifeStatus::created:
      return "Created";
    case run::LifeStatus::running:
      return state.health.empty() ? up : fmt::format("{} ({})", up, state.health);
    case run::LifeStatus::paused:
      return "Paused";
    case run::LifeStatus::stopping:
      return "Stopping";
    case run::LifeStatus::restarting:
      return fmt::format("Restarting ({}) {}", state.exit_code, time_ago(state.finished / k_second, now));
    case run::LifeStatus::exited:
      return fmt::format("Exited ({}) {}", state.exit_code, time_ago(state.finished / k_second, now));
  }
  return "";
}

// A container, and what its request says: nothing, when another version of ecrin made it.
struct Listed {
  run::StoredContainer record;
  std::optional<StoredRequest> stored;
  std::vector<std::string> command;
  std::vector<run::PublishedPort> ports;
  std::vector<MountSpec> mounts;
};

Result<Listed> listed(Containers& containers, run::StoredContainer record) {
  Listed container{.record = std::move(record), .stored = {}, .command = {}, .ports = {}, .mounts = {}};
  auto stored = decode_request(container.record.request);
  if (!stored) return container;
  container.stored = std::move(*stored);
  if (const auto config = runtime_config(container.stored->request, container.stored->image))
    container.command = config->process.args;
  container.ports = shown_ports(container.record, *container.stored);
  container.mounts = TRY(shown_mounts(containers, container.record, *container.stored));
  return container;
}

Json row_of(const Listed& container, std::int64_t now, bool whole) {
  const run::StoredContainer& record = container.record;
  std::string command = printable(join(container.command, " "));
  if (!whole && command.size() > k_short_command) command = command.substr(0, k_short_command - 3) + "...";
  std::vector<std::string> labels;
  for (const auto& [key, value] : record.labels) labels.push_back(fmt::format("{}={}", key, value));
  const std::string since = time_ago(record.created / k_second, now);
  return {{"ID", whole ? record.id : short_id(record.id)},
          {"Image", record.image},
          {"ImageID", record.image_id.substr(record.image_id.find(':') + 1)},
          {"Command", command},
          {"Created", since},
          {"CreatedAt", format_time(record.created / k_second)},
          {"CreatedHuman", since},
          {"RunningFor", since},
          {"Status", status_text(record.state, now)},
          {"State", run::to_string(record.state.status)},
          {"Ports", ports_column(container.ports)},
          {"Names", record.name},
          {"Labels", join(labels, ",")},
          {"Pid", record.state.pid},
          {"ExitCode", record.state.exit_code},
          {"Exited", record.state.status == run::LifeStatus::exited},
          {"Restarts", record.state.restarts},
          {"Health", record.state.health}};
}

Json document_of(const Listed& container, std::int64_t now) {
  const run::StoredContainer& record = container.record;
  const auto& stored = container.stored;
  Json mounts = Json::array();
  for (const MountSpec& mount : container.mounts) mounts.push_back(mount.destination);
  Json networks = Json::array();
  bool removes = false;
  if (stored) {
    networks = stored->networks;
    removes = stored->request.life.remove;
  }
  return {{"Id", record.id},
          {"Names", {record.name}},
          {"Image", record.image},
          {"ImageID", record.image_id.substr(record.image_id.find(':') + 1)},
          {"Command", container.command},
          {"Created", record.created / k_second},
          {"CreatedAt", time_ago(record.created / k_second, now)},
          {"Status", status_text(record.state, now)},
          {"State", run::to_string(record.state.status)},
          {"Pid", record.state.pid},
          {"ExitCode", record.state.exit_code},
          {"Exited", record.state.status == run::LifeStatus::exited},
          {"ExitedAt", record.state.finished / k_second},
          {"StartedAt", record.state.started / k_second},
          {"Labels", Json(record.labels)},
          {"Mounts", std::move(mounts)},
          {"Networks", std::move(networks)},
          {"Ports", ports_document(container.ports)},
          {"Restarts", record.state.restarts},
          {"Health", record.state.health},
          {"AutoRemove", removes}};
}

Result<std::vector<Listed>> chosen(Containers& containers, const Arguments& arguments, std::int64_t now) {
  const ContainerFilter filter = TRY(ContainerFilter::parse(arguments.values("filter"), now));
  std::uint64_t last = UINT64_MAX;
  if (const auto text = arguments.find("last"); text && *text != "-1") {
    const auto number = parse_unsigned(*text);
    if (!number) return fail(ErrorKind::invalid, "--last is a number, not '{}'", printable(*text, 60));
    last = *number;
  }
  if (arguments.on("latest")) last = 1;
  const bool all = arguments.on("all") || last != UINT64_MAX || filter.asks_for_state();
  const std::vector<run::StoredContainer> records = TRY(containers.list());
  std::vector<Listed> result;
  // The newest first.
  for (auto record = records.rbegin(); record != records.rend() && result.size() < last; ++record) {
    if (!all && !is_active(record->state)) continue;
    if (TRY(filter.accepts(*record, records))) result.push_back(TRY(listed(containers, *record)));
  }
  const std::string sort = arguments.value("sort", "created");
  const auto by = [&](const auto& key) { std::ranges::stable_sort(result, {}, key); };
  if (sort == "id") by([](const Listed& one) { return one.record.id; });
  if (sort == "image") by([](const Listed& one) { return one.record.image; });
  if (sort == "names") by([](const Listed& one) { return one.record.name; });
  if (sort == "status") by([](const Listed& one) { return one.record.state.status; });
  if (sort == "runningfor") by([](const Listed& one) { return -one.record.state.started; });
  if (sort == "command") by([](const Listed& one) { return one.command; });
  return result;
}

Outcome run(Session& session, const Arguments& arguments) {
  Containers containers = TRY(Containers::open(session));
  const std::int64_t now = session.now();
  const std::vector<Listed> all = TRY(chosen(containers, arguments, now));
  const bool whole = arguments.on("no-trunc");
  const std::string format = arguments.value("format");
  if (arguments.on("quiet")) {
    for (const Listed& container : all) {
      const std::string& id = container.record.id;
      print_line(whole ? id : short_id(id));
    }
    return 0;
  }
  std::vector<Json> rows;
  if (format == "json") {
    for (const Listed& container : all) rows.push_back(document_of(container, now));
  } else {
    for (const Listed& container : all) rows.push_back(row_of(container, now, whole));
  }
  if (!format.empty()) {
    TRY(print_formatted(format, rows));
    return 0;
  }
  std::vector<std::vector<std::string>> cells;
  for (const Json& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (const char* key : {"ID", "Image", "Command", "Created", "Status", "Ports", "Names"})
      line.push_back(printable(row[key].get<std::string>()));
  }
  print(format_table({"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"}, cells,
                     arguments.on("noheading") ? Heading::hidden : Heading::shown));
  return 0;
}

}  // namespace

const Verb& ps_verb() {
  static const Verb verb{
      .name = "ps",
      .operands = "",
      .summary = "List containers",
      .details =
          "Those that are running; with --all also those that are not.\n\n"
          "Filters: ancestor=IMAGE, before=CONTAINER, exited=CODE, health=STATE, id=PREFIX, "
          "label=KEY[=VALUE], label!=KEY[=VALUE], name=REGEX, network=NAME, restart-policy=POLICY, "
          "since=CONTAINER, status=STATE, until=TIME, volume=NAME.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "also those that are not running"},
              {.name = "filter",
               .letter = 'f',
               .value = "KEY=VALUE",
               .help = "only containers that fit",
               .occurs = Occurs::often},
              {.name = "format", .value = "FORMAT", .help = "json, or a template like '{{.ID}} {{.Names}}'"},
              {.name = "last", .letter = 'n', .value = "N", .help = "the N that were made last"},
              {.name = "latest", .letter = 'l', .value = "", .help = "the one that was made last"},
              {.name = "no-trunc", .value = "", .help = "show whole IDs and commands"},
              {.name = "noheading", .value = "", .help = "leave the heading out"},
              {.name = "quiet", .letter = 'q', .value = "", .help = "show IDs only"},
              {.name = "sort",
               .value = "KEY",
               .help = "created (default, newest first), command, id, image, names, runningfor or status",
               .completion = Completion::word,
               .words = {"created", "command", "id", "image", "names", "runningfor", "status"}},
          },
      .most_operands = 0,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
