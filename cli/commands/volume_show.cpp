// verbs: volume inspect, volume ls
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/volume_filter.hpp"

namespace ecrin::cli {
namespace {

Json json_of(const build::Volumes& volumes, const build::Volume& volume, bool used) {
  return {{"Name", volume.name},
          {"Driver", "local"},
          {"Mountpoint", volumes.path(volume.name)},
          {"CreatedAt", format_time(volume.created)},
          {"Labels", volume.labels},
          {"Scope", "local"},
          {"Options", Json::object()},
          {"Anonymous", volume.anonymous},
          {"InUse", used}};
}

Outcome run_inspect(Session& session, const Arguments& arguments) {
  const bool all = arguments.on("all");
  if (all == !arguments.operands().empty())
    return std::unexpected(
        Error(ErrorKind::invalid,
              all ? "--all takes no names" : "'ecrin volume inspect' needs VOLUME... or --all"));
  oci::ImageStore* images = TRY(session.images());
  build::Volumes volumes = TRY(build::Volumes::open(images->blobs().store()));
  std::vector<build::Volume> chosen;
  if (all) chosen = TRY(volumes.list());
  for (const std::string& name : arguments.operands()) {
    auto volume = volumes.need(name);
    if (!volume) return std::unexpected(Failure(std::move(volume).error(), 1));
    chosen.push_back(*std::move(volume));
  }
  const std::set<std::string> used = TRY(volumes.used());
  std::vector<Json> rows;
  for (const build::Volume& volume : chosen)
    rows.push_back(json_of(volumes, volume, used.contains(volume.name)));
  const std::string format = arguments.value("format", "json");
  if (format != "json") {
    TRY(print_formatted(format, rows));
    return 0;
  }
  print(dump_json_pretty(rows));
  return 0;
}

Outcome run_ls(Session& session, const Arguments& arguments) {
  const VolumeFilter filter = TRY(VolumeFilter::parse(arguments.values("filter"), session.now()));
  oci::ImageStore* images = TRY(session.images());
  build::Volumes volumes = TRY(build::Volumes::open(images->blobs().store()));
  const std::set<std::string> used = TRY(volumes.used());
  std::vector<Json> rows;
  std::vector<std::vector<std::string>> cells;
  for (const build::Volume& volume : TRY(volumes.list())) {
    if (!filter.accepts(volume, used)) continue;
    rows.push_back(json_of(volumes, volume, used.contains(volume.name)));
    if (arguments.on("quiet")) {
      print_line(volume.name);
      continue;
    }
    cells.push_back(
        {volume.name, time_ago(volume.created, session.now()), used.contains(volume.name) ? "yes" : ""});
  }
  if (arguments.on("quiet")) return 0;
  if (const std::string format = arguments.value("format"); !format.empty()) {
    TRY(print_formatted(format, rows));
    return 0;
  }
  print(format_table({"VOLUME NAME", "CREATED", "IN USE"}, cells,
                     arguments.on("noheading") ? Heading::hidden : Heading::shown));
  return 0;
}

}  // namespace

const Verb& volume_inspect_verb() {
  static const Verb verb{
      .name = "volume inspect",
      .operands = "VOLUME...",
      .summary = "Print all that is known of volumes",
      .details = "Mountpoint is the directory whose content containers see.",
      .flags = {{.name = "all", .letter = 'a', .value = "", .help = "of all volumes"},
                {.name = "format", .letter = 'f', .value = "FORMAT", .help = "json, or a template"}},
      .run = run_inspect,
  };
  return verb;
}

const Verb& volume_ls_verb() {
  static const Verb verb{
      .name = "volume ls",
      .operands = "",
      .summary = "List volumes",
      .details =
          "Filters: name=PART, label=KEY[=VALUE], label!=KEY[=VALUE], dangling=true|false (no container has "
          "it), anonymous=true|false, until=AGE, driver=local. 'ecrin volume list' is the same.",
      .flags =
          {
              {.name = "filter",
               .letter = 'f',
               .value = "KEY=VALUE",
               .help = "only what fits",
               .occurs = Occurs::often},
              {.name = "format", .value = "FORMAT", .help = "json, or a template"},
              {.name = "noheading", .letter = 'n', .value = "", .help = "no heading"},
              {.name = "quiet", .letter = 'q', .value = "", .help = "names only"},
          },
      .most_operands = 0,
      .run = run_ls,
  };
  return verb;
}

}  // namespace ecrin::cli
