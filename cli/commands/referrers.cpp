// verb: referrers
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/registries.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Json row_of(const oci::Descriptor& referrer) {
  Json row = referrer.to_json();
  row["Digest"] = referrer.digest.to_string();
  row["ArtifactType"] = referrer.artifact_type.empty() ? "<none>" : printable(referrer.artifact_type, 200);
  row["Size"] = human_size(referrer.size);
  return row;
}

Outcome run(Session& session, const Arguments& arguments) {
  const oci::Reference name = TRY(parse_registry_name(arguments.operands().front()));
  const Interrupts interrupts;
  const auto registries = TRY(open_registries(session, arguments, interrupts));
  const auto referrers =
      registries->list_referrers(name, arguments.value("artifact-type"), &interrupts.token());
  if (!referrers) return std::unexpected(referrers.error());
  std::vector<Json> rows;
  for (const oci::Descriptor& referrer : *referrers) rows.push_back(row_of(referrer));
  if (const auto format = arguments.find("format")) {
    TRY(print_formatted(*format, rows));
    return 0;
  }
  std::vector<std::vector<std::string>> cells;
  for (const Json& row : rows) cells.push_back({row["Digest"], row["ArtifactType"], row["Size"]});
  print(format_table({"DIGEST", "ARTIFACT TYPE", "SIZE"}, cells, Heading::shown));
  return 0;
}

}  // namespace

const Verb& referrers_verb() {
  static const Verb verb{
      .name = "referrers",
      .operands = "IMAGE",
      .summary = "List the signatures, attestations and the like of an image in a registry",
      .details =
          "By the referrers API of the distribution specification, or by the tag that stands in for it where "
          "a "
          "registry has none. 'ecrin copy docker://NAME@DIGEST ...' gets one of them.",
      .flags = with_flags(
          {{.name = "artifact-type", .value = "TYPE", .help = "only those of this type"},
           {.name = "format", .value = "FORMAT", .help = "json, or a template like '{{.Digest}}'"}},
          registry_flags()),
      .least_operands = 1,
      .most_operands = 1,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
