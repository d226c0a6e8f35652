#include "oci/image_manifest.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/json_fields.hpp"

namespace ecrin::oci {

namespace {

constexpr std::size_t k_index_entry_limit = 10'000;

bool has(const Json& json, const char* key) {
  return json.contains(key) && !json[key].is_null();
}

// What manifests and indexes have in common. Fails on schema 1 and on anything that is not version 2.
Result<Json> parse_document(std::string_view bytes, std::string_view what) {
  if (bytes.size() > k_manifest_limit)
    return fail(ErrorKind::limit, "{} has {} bytes, more than the {} that a manifest may have", what,
                bytes.size(), k_manifest_limit);
  Json json = TRY(parse_json(bytes, what));
  if (!json.is_object()) return fail(ErrorKind::invalid, "{}: a manifest must be an object", what);
  const auto version = TRY(json_unsigned(json, "schemaVersion", what));
  if (version == 1 || has(json, "fsLayers"))
    return std::unexpected(
        Error(ErrorKind::unsupported,
              fmt::format("{} is a docker schema 1 manifest, a format that was given up in 2017", what))
            .hint("pull and push the image again with a current docker, podman or skopeo to convert it"));
  if (!version) return fail(ErrorKind::invalid, "{}.schemaVersion is missing", what);
  if (version != 2) return fail(ErrorKind::unsupported, "{}.schemaVersion is {}, not 2", what, *version);
  return json;
}

// CVE-2021-41190: one document that two readers take for two different things. Refused, whoever is right.
Result<> check_not_both(const Json& json, std::string_view what) {
  if (has(json, "manifests") && (has(json, "layers") || has(json, "config")))
    return fail(ErrorKind::invalid,
                "{} has members of an image manifest and of an image index: it could be read as either",
                what);
  return {};
}

Result<Descriptor> parse_member(const Json& json, const char* key, std::string_view what) {
  const Json* member = TRY(json_object(json, key, what));
  if (!member) return fail(ErrorKind::invalid, "{}.{} is missing", what, key);
  return Descriptor::parse(*member, fmt::format("{}.{}", what, key));
}

Result<std::vector<Descriptor>> parse_list(const Json& json, const char* key, std::size_t limit,
                                           std::string_view what) {
  const Json* member = TRY(json_array(json, key, what));
  if (!member) return fail(ErrorKind::invalid, "{}.{} is missing", what, key);
  if (member->size() > limit)
    return fail(ErrorKind::limit, "{}.{} has more than {} entries", what, key, limit);
  std::vector<Descriptor> list;
  list.reserve(member->size());
  for (const Json& item : *member)
    list.push_back(TRY(Descriptor::parse(item, fmt::format("{}.{}[{}]", what, key, list.size()))));
  return list;
}

// How well does an entry fit? Higher is better, 0 not at all.
int fitness(const Platform& wanted, const Descriptor& entry) {
  if (!entry.platform || !wanted.accepts(*entry.platform)) return 0;
  const std::string& variant = entry.platform->variant;
  if (variant == wanted.variant) return 1000;
  // The names that mean "no variant" (see Platform::accepts), and what arm without a variant usually is.
  if (variant.empty() || (wanted.architecture == "arm64" && variant == "v8") ||
      (wanted.architecture == "amd64" && variant == "v1") ||
      (wanted.architecture == "arm" && wanted.variant.empty() && variant == "v7"))
    return 900;
  // With a variant wanted, the newest that it can run; without one, the one with the least demands.
  const int digit = variant.size() == 2 && variant[1] >= '0' && variant[1] <= '9' ? variant[1] - '0' : 0;
  return wanted.variant.empty() ? 100 - digit : 100 + digit;
}

std::string list_platforms(const ImageIndex& index) {
  std::vector<std::string> names;
  for (const Descriptor& entry : index.manifests) {
    // Attestations of BuildKit are listed as "unknown/unknown".
    if (!entry.platform || entry.platform->os == "unknown") continue;
    std::string name = printable(entry.platform->to_string(), 100);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    if (names.size() == 30) break;
  }
  return names.empty() ? "none with a platform" : join(names, ", ");
}

}  // namespace

Result<ImageManifest> ImageManifest::parse(std::string_view bytes, std::string_view what) {
  const Json json = TRY(parse_document(bytes, what));
  TRY(check_not_both(json, what));
  ImageManifest manifest;
  manifest.media_type = TRY(parse_media_type(json, "mediaType", what));
  if (manifest.media_type.empty())
    manifest.media_type = media_type::k_manifest;  // optional in the image-spec
  if (media_type::is_index(manifest.media_type) || has(json, "manifests"))
    return fail(ErrorKind::invalid, "{} is an image index, not an image manifest", what);
  if (!media_type::is_manifest(manifest.media_type))
    return fail(ErrorKind::unsupported, "{}.mediaType: '{}' is no known image manifest", what,
                manifest.media_type);
  manifest.artifact_type = TRY(parse_media_type(json, "artifactType", what));
  manifest.config = TRY(parse_member(json, "config", what));
  manifest.layers = TRY(parse_list(json, "layers", k_layer_count_limit, what));
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const std::string& type = manifest.layers[i].media_type;
    if (media_type::is_manifest(type) || media_type::is_index(type))
      return fail(ErrorKind::invalid, "{}.layers[{}].mediaType: '{}' is not a layer", what, i, type);
  }
  if (has(json, "subject")) manifest.subject = TRY(parse_member(json, "subject", what));
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

Result<ImageIndex> ImageIndex::parse(std::string_view bytes, std::string_view what) {
  const Json json = TRY(parse_document(bytes, what));
  TRY(check_not_both(json, what));
  ImageIndex index;
  index.media_type = TRY(parse_media_type(json, "mediaType", what));
  if (index.media_type.empty()) index.media_type = media_type::k_index;
  if (media_type::is_manifest(index.media_type) || has(json, "layers"))
    return fail(ErrorKind::invalid, "{} is an image manifest, not an image index", what);
  if (!media_type::is_index(index.media_type))
    return fail(ErrorKind::unsupported, "{}.mediaType: '{}' is no known image index", what, index.media_type);
  index.manifests = TRY(parse_list(json, "manifests", k_index_entry_limit, what));
  index.annotations = TRY(json_string_map(json, "annotations", what));
  return index;
}

std::string ImageIndex::to_bytes() const {
  Json json = {{"schemaVersion", 2}, {"mediaType", media_type}};
  Json& list = json["manifests"] = Json::array();
  for (const Descriptor& manifest : manifests) list.push_back(manifest.to_json());
  if (!annotations.empty()) json["annotations"] = annotations;
  return dump_json(json);
}

Result<Descriptor> select_platform(const ImageIndex& index, const Platform& wanted) {
  const Descriptor* best = nullptr;
  int best_fitness = 0;
  for (const Descriptor& entry : index.manifests) {
    if (const int value = fitness(wanted, entry); value > best_fitness) {
      best = &entry;
      best_fitness = value;
    }
  }
  // An index around one image often does not repeat the platform that its config has.
  if (!best && index.manifests.size() == 1 && !index.manifests.front().platform)
    best = &index.manifests.front();
  if (!best)
    return fail(ErrorKind::not_found, "the image index has no image for {}; it has {}", wanted.to_string(),
                list_platforms(index));
  return *best;
}

}  // namespace ecrin::oci
