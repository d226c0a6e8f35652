// verb: inspect
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"

namespace ecrin::cli {
namespace {

Json config_json(const oci::ImageConfig& config) {
  Json json = Json::object();
  if (!config.user.empty()) json["User"] = config.user;
  for (const std::string& port : config.exposed_ports) json["ExposedPorts"][port] = Json::object();
  if (!config.env.empty()) json["Env"] = config.env;
  if (config.entrypoint) json["Entrypoint"] = *config.entrypoint;
  if (config.cmd) json["Cmd"] = *config.cmd;
  for (const std::string& volume : config.volumes) json["Volumes"][volume] = Json::object();
  if (!config.working_dir.empty()) json["WorkingDir"] = config.working_dir;
  if (!config.labels.empty()) json["Labels"] = config.labels;
  if (!config.stop_signal.empty()) json["StopSignal"] = config.stop_signal;
  if (!config.shell.empty()) json["Shell"] = config.shell;
  if (!config.on_build.empty()) json["OnBuild"] = config.on_build;
  if (config.healthcheck) {
    const oci::Healthcheck& check = *config.healthcheck;
    json["Healthcheck"] = {{"Test", check.test},
                           {"Interval", check.interval},
                           {"Timeout", check.timeout},
                           {"StartPeriod", check.start_period},
                           {"Retries", check.retries}};
  }
  return json;
}

Json history_json(const oci::ImageConfig& config) {
  Json list = Json::array();
  for (const oci::HistoryEntry& entry : config.history) {
    Json json = Json::object();
    if (!entry.created.empty()) json["created"] = entry.created;
    if (!entry.created_by.empty()) json["created_by"] = entry.created_by;
    if (!entry.author.empty()) json["author"] = entry.author;
    if (!entry.comment.empty()) json["comment"] = entry.comment;
    if (entry.empty_layer) json["empty_layer"] = true;
    list.push_back(std::move(json));
  }
  return list;
}

Json image_json(const oci::ImageRecord& record, const oci::Image& image) {
  const oci::ImageConfig& config = image.config;
  Json layers = Json::array();
  for (const oci::DiffId& diff_id : config.diff_ids) layers.push_back(diff_id.digest.to_string());
  return {{"Id", record.id.digest.hex()},
          {"Digest", record.manifest.to_string()},
          {"RepoTags", record.names},
          {"RepoDigests", digest_names(record)},
          {"Created", config.created},
          {"Author", config.author},
          {"Size", record.size},
          {"VirtualSize", record.size},
          {"Architecture", config.platform.architecture},
          {"Variant", config.platform.variant},
          {"Os", config.platform.os},
          {"Config", config_json(config)},
          {"RootFS", {{"Type", "layers"}, {"Layers", layers}}},
          {"Labels", config.labels.empty() ? Json() : Json(config.labels)},
          {"Annotations", image.manifest.annotations},
          {"ManifestType", image.manifest_descriptor.media_type},
          {"User", config.user},
          {"History", history_json(config)}};
}

Outcome run(Session& session, const Arguments& arguments) {
  oci::ImageStore* images = TRY(session.images());
  std::vector<Json> rows;
  for (const std::string& words : arguments.operands()) {
    const oci::ImageRecord record = TRY(find_image(*images, words));
    rows.push_back(image_json(record, TRY(images->load(record.manifest))));
  }
  TRY(print_formatted(arguments.value("format", "json"), rows));
  return 0;
}

}  // namespace

const Verb& inspect_verb() {
  static const Verb verb{
      .name = "inspect",
      .operands = "IMAGE...",
      .summary = "Show everything about images, as JSON",
      .flags = {{.name = "format",
                 .letter = 'f',
                 .value = "FORMAT",
                 .help = "json, or a template like '{{.Config.Env}}'"}},
      .least_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
