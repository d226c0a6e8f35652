#include "oci/image_manifest.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "oci/json_fields.hpp"

namespace ecrin::oci {

Result<ImageManifest> ImageManifest::parse(std::string_view bytes, std::string_view what) {
  const Json json = TRY(parse_document(bytes, what));
  ImageManifest manifest;
  manifest.media_type = TRY(parse_media_type(json, "mediaType", what));
  if (manifest.media_type.empty())
    manifest.media_type = media_type::k_manifest;  // optional in the image-spec
  if (media_type::is_index(manifest.media_type) || has_member(json, "manifests"))
    return fail(ErrorKind::invalid, "{} is an image index, not an image manifest", what);
  if (!media_type::is_manifest(manifest.media_type))
    return fail(ErrorKind::unsupported, "{}.mediaType: '{}' is no known image manifest", what,
                manifest.media_type);
  manifest.artifact_type = TRY(parse_media_type(json, "artifactType", what));
  manifest.config = TRY(parse_descriptor_member(json, "config", what));
  manifest.layers = TRY(parse_descriptor_list(json, "layers", k_layer_count_limit, what));
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const std::string& type = manifest.layers[i].media_type;
    if (media_type::is_manifest(type) || media_type::is_index(type))
      return fail(ErrorKind::invalid, "{}.layers[{}].mediaType: '{}' is not a layer", what, i, type);
  }
  if (has_member(json, "subject")) manifest.subject = TRY(parse_descriptor_member(json, "subject", what));
  manifest.annotations = TRY(json_string_map(json, "annotations", what));
  return manifest;
}

std::string ImageManifest::to_bytes() const {
  Json json = {{"schemaVersion", 2}, {"mediaType", media_type}, {"config", config.to_json()}};
  if (!artifact_type.empty()) json["artifactType"] = artifact_type;
  Json& list = json["layers"] = Json::array();
  for (const Descriptor& layer : layers) list.push_back(layer.to_json());
  if (subject) json["subject"] = subject->to_json();
  if (!annotations.empty()) json["annotations"] = annotations;
  return dump_json(json);
}

bool ImageManifest::is_image() const {
  return media_type::is_image_config(config.media_type) &&
         std::ranges::all_of(layers, &media_type::is_layer, &Descriptor::media_type);
}

const std::string& ImageManifest::artifact_kind() const {
  return artifact_type.empty() ? config.media_type : artifact_type;
}

}  // namespace ecrin::oci
