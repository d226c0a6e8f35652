#include "oci/manifest_edit.hpp"

#include <nlohmann/json.hpp>

#include "oci/layer_types.hpp"

namespace ecrin::oci {

namespace {

// Annotations that describe the bytes of a packed layer (seekable gzip, zstd:chunked): wrong for other bytes.
bool describes_bytes(std::string_view key) {
  return key.starts_with("io.github.containers.zstd-chunked.") ||
         key.starts_with("containerd.io/snapshot/stargz/");
}

void replace_content(Json& entry, const Descriptor& descriptor) {
  entry["mediaType"] = descriptor.media_type;
  entry["digest"] = descriptor.digest.to_string();
  entry["size"] = descriptor.size;
  for (const char* key : {"data", "urls"}) entry.erase(key);
  const auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return;
  for (auto it = annotations->begin(); it != annotations->end();)
    it = describes_bytes(it.key()) ? annotations->erase(it) : std::next(it);
  if (annotations->empty()) entry.erase("annotations");
}

std::unexpected<Error> not_in_docker(const std::string& what) {
  return std::unexpected(
      Error(ErrorKind::unsupported, fmt::format("docker's manifest format has no {}", what))
          .hint("keep the OCI format, or ask for gzip"));
}

Result<std::string> layer_type(const std::string& type, ManifestFormat format) {
  auto layer = LayerType::of(type);
  if (!layer) {
    if (format == ManifestFormat::docker) return not_in_docker(fmt::format("layers of the type '{}'", type));
    return type;
  }
  layer->format = format;
  const std::string_view name = layer->media_type();
  if (name.empty()) return not_in_docker("layers in zstd");
  return std::string(name);
}

RawManifest finish(const Json& json, std::string_view type) {
  RawManifest made;
  made.bytes = dump_json(json);
  made.media_type = type;
  made.digest = Digest::of(made.bytes);
  return made;
}

// Docker's format has no annotations, no subject and no artifact type.
Json docker_entry(const Json& entry) {
  Json result = Json::object();
  for (const char* key : {"mediaType", "digest", "size", "urls", "platform"})
    if (entry.contains(key)) result[key] = entry[key];
  return result;
}

}  // namespace

ManifestFormat format_of(std::string_view media_type) {
  return media_type == media_type::k_docker_manifest || media_type == media_type::k_docker_list
             ? ManifestFormat::docker
             : ManifestFormat::oci;
}

Result<RawManifest> edit_manifest(const PlannedManifest& manifest, const std::map<Digest, Descriptor>& packed,
                                  ManifestFormat format) {
  const bool to_docker = format == ManifestFormat::docker;
  Json json = TRY(parse_json(manifest.raw.bytes, manifest.raw.digest.to_string()));
  Json& config = json["config"];
  if (media_type::is_image_config(manifest.image->config.media_type))
    config["mediaType"] = to_docker ? media_type::k_docker_config : media_type::k_config;
  else if (to_docker)
    return not_in_docker(fmt::format("configs of the type '{}'", manifest.image->config.media_type));
  Json& layers = json["layers"];
  for (std::size_t i = 0; i < manifest.image->layers.size(); ++i) {
    const Descriptor& before = manifest.image->layers[i];
    if (const auto found = packed.find(before.digest); found != packed.end())
      replace_content(layers[i], found->second);
    const std::string type = layers[i]["mediaType"].get<std::string>();
    layers[i]["mediaType"] = TRY(layer_type(type, format));
    if (to_docker) layers[i] = docker_entry(layers[i]);
  }
  const std::string_view type = to_docker ? media_type::k_docker_manifest : media_type::k_manifest;
  json["mediaType"] = type;
  if (!to_docker) return finish(json, type);
  return finish({{"schemaVersion", 2},
                 {"mediaType", type},
                 {"config", docker_entry(config)},
                 {"layers", std::move(layers)}},
                type);
}

Result<RawManifest> edit_index(const PlannedManifest& index, const std::map<Digest, Descriptor>& children,
                               ManifestFormat format) {
  const bool to_docker = format == ManifestFormat::docker;
  Json json = TRY(parse_json(index.raw.bytes, index.raw.digest.to_string()));
  Json& manifests = json["manifests"];
  for (std::size_t i = 0; i < index.children.size(); ++i) {
    if (const auto found = children.find(index.children[i].digest); found != children.end())
      replace_content(manifests[i], found->second);
    if (to_docker) manifests[i] = docker_entry(manifests[i]);
  }
  const std::string_view type = to_docker ? media_type::k_docker_list : media_type::k_index;
  json["mediaType"] = type;
  if (!to_docker) return finish(json, type);
  return finish({{"schemaVersion", 2}, {"mediaType", type}, {"manifests", std::move(manifests)}}, type);
}

}  // namespace ecrin::oci
