// verb: history
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/status_line.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

// Newest first. Sizes are those of the layers in the manifest: entries that are not empty have one each, in
// order.
std::vector<Json> history_rows(const oci::Image& image, const std::vector<std::string>& names,
                               std::int64_t now, bool human) {
  std::vector<Json> rows;
  std::size_t layer = 0;
  std::size_t number = 0;
  for (const oci::HistoryEntry& entry : image.config.history) {
    std::uint64_t size = 0;
    if (!entry.empty_layer && layer < image.manifest.layers.size())
      size = image.manifest.layers[layer++].size;
    const std::int64_t created = parse_time(entry.created).value_or(0);
    const std::string since = entry.created.empty() ? "" : time_ago(created, now);
    rows.insert(rows.begin(), Json{{"id", "<missing>"},
                                   {"Step", ++number},
                                   {"ID", "<missing>"},
                                   {"created", entry.created},
                                   {"Created", human ? since : entry.created},
                                   {"CreatedAt", entry.created},
                                   {"CreatedSince", since},
                                   {"CreatedBy", printable(entry.created_by)},
                                   {"Size", human ? human_size(size) : std::to_string(size)},
                                   {"size", size},
                                   {"Comment", printable(entry.comment)},
                                   {"empty_layer", entry.empty_layer}});
  }
  if (!rows.empty()) {
    rows.front()["id"] = image.id().digest.hex();
    rows.front()["ID"] = short_id(image.id());
    rows.front()["tags"] = names;
  }
  return rows;
}

Outcome run(Session& session, const Arguments& arguments) {
  oci::ImageStore* images = TRY(session.images());
  const oci::ImageRecord record = TRY(find_image(*images, arguments.operands().front()));
  const oci::Image image = TRY(images->load(record.manifest));
  const bool human = arguments.on("human", true);
  const bool full = arguments.on("no-trunc");
  const std::vector<Json> rows = history_rows(image, record.names, session.now(), human);
  const std::string format = arguments.value("format");
  if (format == "json") {
    std::vector<Json> documents;
    for (const Json& row : rows) {
      documents.push_back({{"id", row["id"]},
                           {"created", row["created"]},
                           {"step", row["Step"]},
                           {"createdBy", row["CreatedBy"]},
                           {"size", row["size"]},
                           {"comment", row["Comment"]},
                           {"emptyLayer", row["empty_layer"]}});
    }
    TRY(print_formatted(format, documents));
    return 0;
  }
  if (!format.empty()) {
    TRY(print_formatted(format, rows));
    return 0;
  }
  if (arguments.on("quiet")) {
    for (const Json& row : rows) print_line((full ? row["id"] : row["ID"]).get<std::string>());
    return 0;
  }
  std::vector<std::vector<std::string>> cells;
  for (const Json& row : rows) {
    const std::string command = row["CreatedBy"];
    cells.push_back({std::to_string(row["Step"].get<std::size_t>()), full ? row["id"] : row["ID"],
                     row["Created"], full ? command : elide(command, 45), row["Size"], row["Comment"]});
  }
  print(format_table({"STEP", "ID", "CREATED", "CREATED BY", "SIZE", "COMMENT"}, cells, Heading::shown));
  return 0;
}

}  // namespace

const Verb& history_verb() {
  static const Verb verb{
      .name = "history",
      .operands = "IMAGE",
      .summary = "Show the steps that made an image",
      .flags =
          {
              {.name = "format", .value = "FORMAT", .help = "json, or a template like '{{.CreatedBy}}'"},
              {.name = "human",
               .letter = 'H',
               .value = "",
               .help = "show times and sizes for people (default true)"},
              {.name = "no-trunc", .value = "", .help = "show whole commands and IDs"},
              {.name = "quiet", .letter = 'q', .value = "", .help = "show IDs only"},
          },
      .least_operands = 1,
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
