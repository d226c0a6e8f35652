// verb: images
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

constexpr std::string_view k_none = "<none>";

// Does a name fit what the user typed: a name with or without registry, with or without tag?
bool fits(const std::string& name, const oci::Reference& wanted) {
  const auto reference = oci::Reference::parse(name);
  if (!reference) return false;
  if (!wanted.tag.empty() && reference->tag != wanted.tag) return false;
  if (!wanted.registry.empty()) {
    return reference->registry == wanted.registry && reference->repository == wanted.repository;
  }
  return reference->repository == wanted.repository ||
         reference->repository.ends_with("/" + wanted.repository);
}

Result<std::vector<oci::ImageRecord>> selected(oci::ImageStore& images, const Arguments& arguments) {
  std::vector<oci::ImageRecord> records = TRY(images.list());
  if (arguments.operands().empty()) return records;
  const oci::Reference wanted = TRY(oci::Reference::parse(arguments.operands().front()));
  std::vector<oci::ImageRecord> result;
  for (oci::ImageRecord& record : records) {
    std::erase_if(record.names, [&](const std::string& name) { return !fits(name, wanted); });
    if (!record.names.empty()) result.push_back(std::move(record));
  }
  return result;
}

// What both templates and JSON show; one image, or one of its names.
Json facts(const oci::ImageRecord& record, const std::string& repository, const std::string& tag,
           std::int64_t now) {
  return {{"Id", record.id.digest.hex()},
          {"ID", short_id(record.id)},
          {"Repository", repository},
          {"Tag", tag},
          {"Digest", record.manifest.to_string()},
          {"Created", record.created},
          {"CreatedAt", format_time(record.created)},
          {"CreatedSince", time_ago(record.created, now)},
          {"Size", human_size(record.size)},
          {"VirtualSize", human_size(record.size)}};
}

Json image_json(const oci::ImageRecord& record) {
  return {{"Id", record.id.digest.hex()},
          {"Digest", record.manifest.to_string()},
          {"Names", record.names},
          {"RepoTags", record.names},
          {"RepoDigests", digest_names(record)},
          {"Created", record.created},
          {"CreatedAt", format_time(record.created)},
          {"Size", record.size},
          {"VirtualSize", record.size},
          {"Dangling", record.names.empty()}};
}

Outcome run(Session& session, const Arguments& arguments) {
  oci::ImageStore* images = TRY(session.images());
  const std::vector<oci::ImageRecord> records = TRY(selected(*images, arguments));
  const bool full = arguments.on("no-trunc");
  if (arguments.on("quiet")) {
    std::vector<std::string> shown;
    for (const oci::ImageRecord& record : records) {
      std::string id = full ? record.id.digest.to_string() : short_id(record.id);
      if (std::ranges::find(shown, id) != shown.end()) continue;
      print_line(id);
      shown.push_back(std::move(id));
    }
    return 0;
  }
  const std::string format = arguments.value("format");
  if (format == "json") {
    std::vector<Json> rows;
    for (const oci::ImageRecord& record : records) rows.push_back(image_json(record));
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
      .details = "With NAME, only the images of that name are listed; NAME may leave out registry and tag.",
      .flags =
          {
              {.name = "all", .letter = 'a', .value = "", .help = "accepted: there are no hidden images"},
              {.name = "digests", .value = "", .help = "show the digests of manifests too"},
              {.name = "format",
               .value = "FORMAT",
               .help = "json, or a template like '{{.ID}} {{.Repository}}'"},
              {.name = "no-trunc", .value = "", .help = "show whole IDs"},
              {.name = "noheading", .letter = 'n', .value = "", .help = "leave the heading out"},
              {.name = "quiet", .letter = 'q', .value = "", .help = "show IDs only"},
          },
      .most_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
