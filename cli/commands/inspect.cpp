// verb: inspect
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/inspect_json.hpp"
#include "cli/image_names.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "fs/layer_store.hpp"

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

// Of the tool that made it, when that was docker; the specification has no such member.
Result<std::string> docker_version(const std::string& config_bytes) {
  const Json json = TRY(parse_json(config_bytes, "image config"));
  const auto version = json_string(json, "docker_version", "image config");
  return version ? version->value_or("") : "";
}

// Where the layers lie: `diff` directories, as the drivers stack them. Layers that were never needed are
// packed still and have none.
Json graph_driver_json(oci::ImageStore& images, const oci::ImageConfig& config, const std::string& driver) {
  Json json = {{"Name", driver}, {"Data", nullptr}};
  const auto store = fs::LayerStore::open(images.blobs().store());
  if (!store) return json;
  const auto known = (*store)->list();
  if (!known) return json;
  std::vector<std::string> paths;  // uppermost first
  for (const oci::DiffId& id : config.diff_ids) {
    const auto found = std::ranges::find(*known, id.digest.to_string(), &fs::Layer::diff_id);
    if (found == known->end()) return json;
    paths.insert(paths.begin(), (*store)->path(*found));
  }
  if (paths.empty()) return json;
  json["Data"]["UpperDir"] = paths.front();
  paths.erase(paths.begin());
  if (!paths.empty()) json["Data"]["LowerDir"] = join(paths, ":");
  return json;
}

// What every document has, whatever it is.
Json record_json(const oci::ImageRecord& record) {
  return {{"Id", record.id.digest.hex()},
          {"Digest", record.manifest.to_string()},
          {"RepoTags", record.names},
          {"RepoDigests", digest_names(record)},
          // The store knows no names that were.
          {"NamesHistory", record.names},
          {"Size", record.size},
          {"VirtualSize", record.size},
          {"ManifestType", record.media_type}};
}

Result<Json> image_json(oci::ImageStore& images, const oci::ImageRecord& record, const std::string& driver) {
  const oci::Image image = TRY(images.load(record.manifest));
  const oci::ImageConfig& config = image.config;
  Json layers = Json::array();
  for (const oci::DiffId& diff_id : config.diff_ids) layers.push_back(diff_id.digest.to_string());
  const std::string version = TRY(docker_version(image.config_bytes));
  Json json = record_json(record);
  json.update(Json{{"Created", config.created},
                   {"Author", config.author},
                   // What an image was made from is in its layers; a single parent is not written down.
                   {"Parent", ""},
                   {"Comment", config.history.empty() ? "" : config.history.back().comment},
                   {"Version", version},
                   {"Architecture", config.platform.architecture},
                   {"Variant", config.platform.variant},
                   {"Os", config.platform.os},
                   {"Config", config_json(config)},
                   {"RootFS", {{"Type", "layers"}, {"Layers", layers}}},
                   {"GraphDriver", graph_driver_json(images, config, driver)},
                   {"Labels", config.labels.empty() ? Json() : Json(config.labels)},
                   {"Annotations", image.manifest.annotations},
                   {"User", config.user},
                   {"History", history_json(config)}});
  if (record.subject) json["Subject"] = record.subject->to_string();
  return json;
}

Result<Json> index_json(oci::ImageStore& images, const oci::ImageRecord& record) {
  const oci::StoredIndex stored = TRY(images.load_index(record.manifest));
  Json entries = Json::array();
  for (const oci::Descriptor& entry : stored.index.manifests) {
    Json json = entry.to_json();
    // Is it in the store, or only listed?
    json["present"] = images.find_any(entry.digest.to_string()).has_value();
    entries.push_back(std::move(json));
  }
  Json json = record_json(record);
  json["Annotations"] = stored.index.annotations;
  json["Manifests"] = std::move(entries);
  if (!stored.index.artifact_type.empty()) json["ArtifactType"] = stored.index.artifact_type;
  if (record.subject) json["Subject"] = record.subject->to_string();
  return json;
}

Result<Json> artifact_json(oci::ImageStore& images, const oci::ImageRecord& record) {
  const oci::Artifact artifact = TRY(images.load_artifact(record.manifest));
  Json layers = Json::array();
  for (const oci::Descriptor& layer : artifact.manifest.layers) layers.push_back(layer.to_json());
  Json json = record_json(record);
  json["Annotations"] = artifact.manifest.annotations;
  json["ArtifactType"] = record.artifact_type;
  json["ConfigDescriptor"] = artifact.manifest.config.to_json();
  json["LayerDescriptors"] = std::move(layers);
  if (record.subject) json["Subject"] = record.subject->to_string();
  return json;
}

// none: there is no such container, and it may be an image's name.
Result<std::optional<Json>> container_json(Session& session, const std::string& words, bool only) {
  Containers containers = TRY(Containers::open(session));
  const auto record = containers.find(words);
  if (record) return TRY(inspect_container(containers, *record, session.driver_name()));
  if (only || record.error().kind() != ErrorKind::not_found) return std::unexpected(record.error());
  return std::nullopt;
}

Outcome run(Session& session, const Arguments& arguments) {
  oci::ImageStore* images = TRY(session.images());
  const auto platform = arguments.find("platform");
  const std::string type = arguments.value("type", "all");
  std::vector<Json> rows;
  for (const std::string& words : arguments.operands()) {
    if (type != "image" && !platform) {
      if (auto json = TRY(container_json(session, words, type == "container"))) {
        rows.push_back(*std::move(json));
        continue;
      }
    }
    const oci::ImageRecord record =
        platform ? TRY(find_image(*images, words, platform)) : TRY(find_any_image(*images, words));
    if (record.kind == oci::ImageKind::image)
      rows.push_back(TRY(image_json(*images, record, session.driver_name())));
    else if (record.kind == oci::ImageKind::index)
      rows.push_back(TRY(index_json(*images, record)));
    else
      rows.push_back(TRY(artifact_json(*images, record)));
  }
  TRY(print_formatted(arguments.value("format", "json"), rows));
  return 0;
}

}  // namespace

const Verb& inspect_verb() {
  static const Verb verb{
      .name = "inspect",
      .operands = "CONTAINER|IMAGE...",
      .summary = "Show everything about containers and images, as JSON",
      .details =
          "A name is looked for among the containers first. Of an index its entries are shown; --platform "
          "shows the image for a platform.",
      .flags =
          {
              {.name = "format",
               .letter = 'f',
               .value = "FORMAT",
               .help = "json, or a template like '{{.Config.Env}}'"},
              {.name = "platform", .value = "OS/ARCH", .help = "of an index, the image for this platform"},
              {.name = "type",
               .letter = 't',
               .value = "TYPE",
               .help = "look only for a container, or only for an image; default: for both",
               .completion = Completion::word,
               .words = {"all", "container", "image"}},
          },
      .least_operands = 1,
      .completion = Completion::image,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
