// verb: df
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "build/usage.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Json place_json(const build::PlaceUsage& place) {
  return {{"Type", place.name},
          {"Total", place.count},
          {"Size", human_size(place.bytes)},
          {"RawSize", place.bytes},
          {"Shared", human_size(place.shared)},
          {"RawShared", place.shared},
          {"Reclaimable", human_size(place.reclaimable)},
          {"RawReclaimable", place.reclaimable}};
}

Json image_json(const build::ImageUsage& image) {
  return {{"Id", image.record.id.digest.hex()},
          {"Digest", image.record.manifest.to_string()},
          {"Kind", oci::to_string(image.record.kind)},
          {"Names", image.record.names},
          {"Size", image.bytes},
          {"SharedSize", image.shared},
          {"UniqueSize", image.bytes - image.shared},
          {"Dangling", image.dangling}};
}

std::string render_places(const build::StoreUsage& usage) {
  std::vector<std::vector<std::string>> cells;
  const auto add = [&](const build::PlaceUsage& place) {
    cells.push_back({place.name, std::to_string(place.count), human_size(place.bytes),
                     human_size(place.shared), human_size(place.reclaimable)});
  };
  add(usage.all_images);
  std::uint64_t reclaimable = 0;
  for (const build::PlaceUsage& place : usage.places) {
    add(place);
    reclaimable += place.reclaimable;
  }
  cells.push_back({"in all", "", human_size(usage.total), "", human_size(reclaimable)});
  return format_table({"TYPE", "TOTAL", "SIZE", "SHARED", "RECLAIMABLE"}, cells, Heading::shown) +
         "images: their bytes are those of layers and blobs\n";
}

std::string render_images(const build::StoreUsage& usage) {
  std::vector<std::vector<std::string>> cells;
  for (const build::ImageUsage& image : usage.images) {
    const oci::ImageRecord& record = image.record;
    cells.push_back({record.names.empty() ? "<none>" : record.names.front(), short_id(record.id),
                     oci::to_string(record.kind), human_size(image.bytes), human_size(image.shared),
                     human_size(image.bytes - image.shared), image.dangling ? "yes" : ""});
  }
  return format_table({"NAME", "ID", "KIND", "SIZE", "SHARED", "UNIQUE", "RECLAIMABLE"}, cells,
                      Heading::shown);
}

Outcome run(Session& session, const Arguments& arguments) {
  build::Workshop* workshop = TRY(session.workshop());
  const build::StoreUsage usage = TRY(build::measure_store(*workshop));
  const std::string format = arguments.value("format");
  if (format == "json" && arguments.on("verbose")) {
    Json document = {{"Total", usage.total}, {"Places", Json::array()}, {"Images", Json::array()}};
    for (const build::PlaceUsage& place : usage.places) document["Places"].push_back(place_json(place));
    for (const build::ImageUsage& image : usage.images) document["Images"].push_back(image_json(image));
    print(dump_json_pretty(document));
    return 0;
  }
  if (!format.empty()) {
    std::vector<Json> rows = {place_json(usage.all_images)};
    for (const build::PlaceUsage& place : usage.places) rows.push_back(place_json(place));
    TRY(print_formatted(format, rows));
    return 0;
  }
  print(render_places(usage));
  if (arguments.on("verbose")) print("\n" + render_images(usage));
  return 0;
}

}  // namespace

const Verb& df_verb() {
  static const Verb verb{
      .name = "df",
      .operands = "",
      .summary = "Show what the store takes on the disk",
      .details =
          "Every part of the store with its size, what several images share, and what 'ecrin prune' would "
          "free. "
          "The sum is what du says.",
      .flags =
          {
              {.name = "format",
               .value = "FORMAT",
               .help = "json, or a template like '{{.Type}} {{.Size}}'; with -v json only"},
              {.name = "verbose", .letter = 'v', .value = "", .help = "every image too"},
          },
      .most_operands = 0,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
