// verb: images
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_filter.hpp"
#include "cli/image_names.hpp"
#include "cli/image_tree.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_none = "<none>";

// What is seen without --all: not what only an index lists, nor what only refers to something.
bool is_hidden(const oci::ImageRecord& record) {
  return record.names.empty() && (record.listed || record.subject);
}

Result<std::vector<oci::ImageRecord>> selected(Session& session, const Arguments& arguments) {
  ImageFilter filter = TRY(ImageFilter::parse(arguments.values("filter"), session.now()));
  const std::string wanted = arguments.operands().empty() ? "" : arguments.operands().front();
  if (!wanted.empty()) TRY(oci::Reference::parse(wanted));
  oci::ImageStore* images = TRY(session.images());
  TRY(filter.resolve(*images));
  std::vector<oci::ImageRecord> result;
  for (oci::ImageRecord& record : TRY(wanted.empty() ? images->list_all() : images->list_called(wanted))) {
    if (!arguments.on("all") && is_hidden(record)) continue;
    if (!filter.accepts(record, images->blobs())) continue;
    if (!wanted.empty()) {
      std::erase_if(record.names, [&](const std::string& name) { return !matches_reference(name, wanted); });
      if (record.names.empty()) continue;
    }
    result.push_back(std::move(record));
  }
  return result;
}

Result<std::string> draw_tree(Session& session, const std::vector<oci::ImageRecord>& records) {
  oci::ImageStore* images = TRY(session.images());
  std::vector<LayeredImage> layered;
  for (const oci::ImageRecord& record : records) {
    if (record.kind != oci::ImageKind::image) continue;
    const oci::Image image = TRY(images->load(record.manifest));
    LayeredImage& entry = layered.emplace_back();
    entry.name = record.names.empty() ? short_id(record.id) : join(record.names, ", ");
    for (std::size_t i = 0; i < image.manifest.layers.size(); ++i)
      entry.layers.push_back({image.config.diff_ids[i].digest.hex(), image.manifest.layers[i].size});
  }
  return format_image_tree(layered, session.style().utf8 ? Lines::utf8 : Lines::ascii);
}

// Newest first is how they come.
void sort_rows(std::vector<Json>& rows, const std::string& by) {
  const auto order = [&](const char* key) {
    std::ranges::stable_sort(rows, [key](const Json& a, const Json& b) { return a[key] < b[key]; });
  };
  if (by == "id") order("Id");
  if (by == "repository") order("Repository");
  if (by == "tag") order("Tag");
  if (by == "size") order("bytes");
}

// What both templates and JSON show; one image, or one of its names.
Json facts(const oci::ImageRecord& record, const std::string& repository, const std::string& tag,
           std::int64_t now) {
  return {{"Id", record.id.digest.hex()},
          {"ID", short_id(record.id)},
          {"Repository", repository},
          {"Tag", tag},
          {"Digest", record.manifest.to_string()},
          {"Kind", oci::to_string(record.kind)},
          {"bytes", record.size},
          {"Created", record.created},
          {"CreatedAt", format_time(record.created)},
          {"CreatedSince", time_ago(record.created, now)},
          {"Size", human_size(record.size)},
          {"VirtualSize", human_size(record.size)}};
}

Json image_json(const oci::ImageRecord& record) {
  return {{"Id", record.id.digest.hex()},
          {"Digest", record.manifest.to_string()},
          {"Kind", oci::to_string(record.kind)},
          {"Repository", record.names.empty() ? std::string(k_none) : split_name(record.names.front()).first},
          {"Tag", record.names.empty() ? std::string(k_none) : split_name(record.names.front()).second},
          {"bytes", record.size},
          {"Names", record.names},
          {"RepoTags", record.names},
          {"RepoDigests", digest_names(record)},
          {"Created", record.created},
          {"CreatedAt", format_time(record.created)},
          {"Size", record.size},
          {"VirtualSize", record.size},
          {"Dangling", record.names.empty() && !record.listed && !record.subject}};
}

Outcome run(Session& session, const Arguments& arguments) {
  const std::vector<oci::ImageRecord> records = TRY(selected(session, arguments));
  const bool full = arguments.on("no-trunc");
  const std::string format = arguments.value("format");
  const std::string order = arguments.value("sort", "created");
  if (arguments.on("tree")) {
    print(TRY(draw_tree(session, records)));
    return 0;
  }
  if (format == "json" && !arguments.on("quiet")) {
    std::vector<Json> rows;
    for (const oci::ImageRecord& record : records) rows.push_back(image_json(record));
    sort_rows(rows, order);
    for (Json& row : rows)
      for (const char* key : {"Repository", "Tag", "bytes"}) row.erase(key);
    TRY(print_formatted(format, rows));
    return 0;
  }
  const std::int64_t now = session.now();
  std::vector<Json> rows;
  for (const oci::ImageRecord& record : records) {
    if (record.names.empty()) rows.push_back(facts(record, std::string(k_none), std::string(k_none), now));
    for (const std::string& name : record.names) {
      const auto [repository, tag] = split_name(name);
      rows.push_back(facts(record, repository, tag, now));
    }
  }
  sort_rows(rows, order);
  if (arguments.on("quiet")) {
    std::vector<std::string> shown;
    for (const Json& row : rows) {
      std::string id = full ? "sha256:" + row["Id"].get<std::string>() : row["ID"].get<std::string>();
      if (std::ranges::find(shown, id) != shown.end()) continue;
      print_line(id);
      shown.push_back(std::move(id));
    }
    return 0;
  }
  for (Json& row : rows) row.erase("bytes");
  if (!format.empty()) {
    TRY(print_formatted(format, rows));
    return 0;
  }
  std::vector<std::vector<std::string>> cells;
  const bool digests = arguments.on("digests");
  for (const Json& row : rows) {
    std::vector<std::string> line = {row["Repository"], row["Tag"]};
    if (digests) line.push_back(row["Digest"]);
    line.push_back(full ? "sha256:" + row["Id"].get<std::string>() : row["ID"].get<std::string>());
    line.push_back(row["CreatedSince"]);
    line.push_back(row["Size"]);
    cells.push_back(std::move(line));
  }
  std::vector<std::string> heading = {"REPOSITORY", "TAG"};
  if (digests) heading.emplace_back("DIGEST");
  heading.insert(heading.end(), {"IMAGE ID", "CREATED", "SIZE"});
  print(format_table(heading, cells, arguments.on("noheading") ? Heading::hidden : Heading::shown));
  return 0;
}

}  // namespace

const Verb& images_verb() {
  static const Verb verb{
      .name = "images",
      .operands = "[NAME]",
      .summary = "List images",
      .details =
          "With NAME, only the images of that name are listed; NAME may leave out registry and tag. An index "
          "is "
          "one line; the images that only an index lists are seen with --all.\n\n"
          "Filters: reference=PATTERN, dangling=true|false, label=KEY[=VALUE], label!=KEY[=VALUE], "
          "before=IMAGE, since=IMAGE, until=TIME, id=PREFIX, digest=PREFIX.",
      .flags =
          {
              {.name = "all",
               .letter = 'a',
               .value = "",
               .help = "also what only an index lists, and what refers to an image"},
              {.name = "digests", .value = "", .help = "show the digests of manifests too"},
              {.name = "filter",
               .letter = 'f',
               .value = "KEY=VALUE",
               .help = "only images that fit",
               .occurs = Occurs::often},
              {.name = "format",
               .value = "FORMAT",
               .help = "json, or a template like '{{.ID}} {{.Repository}}'"},
              {.name = "no-trunc", .value = "", .help = "show whole IDs"},
              {.name = "noheading", .letter = 'n', .value = "", .help = "leave the heading out"},
              {.name = "quiet", .letter = 'q', .value = "", .help = "show IDs only"},
              {.name = "sort",
               .value = "KEY",
               .help = "created (default, newest first), id, repository, size or tag",
               .completion = Completion::word,
               .words = {"created", "id", "repository", "size", "tag"}},
              {.name = "tree", .value = "", .help = "show which layers images share"},
          },
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
