#include "oci/image_index.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/json_fields.hpp"

namespace ecrin::oci {

namespace {

// How well does an entry fit? Higher is better, 0 not at all.
int fitness(const Platform& wanted, const Descriptor& entry) {
  if (!entry.platform || !wanted.accepts(*entry.platform)) return 0;
  const std::string& variant = entry.platform->variant;
  if (variant == wanted.variant) return 1000;
  // Another spelling of the same ("arm64" and "arm64/v8").
  if (entry.platform->accepts(wanted)) return 900;
  // The newest that it can run.
  const int digit = variant.size() == 2 && variant[1] >= '0' && variant[1] <= '9' ? variant[1] - '0' : 0;
  return 100 + digit;
}

std::string list_platforms(const std::vector<Descriptor>& entries) {
  std::vector<std::string> names;
  for (const Descriptor& entry : entries) {
    // Attestations of BuildKit are listed as "unknown/unknown".
    if (!entry.platform || entry.platform->os == "unknown") continue;
    std::string name = printable(entry.platform->to_string(), 100);
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    if (names.size() == 30) break;
  }
  return names.empty() ? "none with a platform" : join(names, ", ");
}

}  // namespace

Result<ImageIndex> ImageIndex::parse(std::string_view bytes, std::string_view what, std::size_t entry_limit) {
  const Json json = TRY(parse_document(bytes, what));
  ImageIndex index;
  index.media_type = TRY(parse_media_type(json, "mediaType", what));
  if (index.media_type.empty()) index.media_type = media_type::k_index;
  if (media_type::is_manifest(index.media_type) || has_member(json, "layers"))
    return fail(ErrorKind::invalid, "{} is an image manifest, not an image index", what);
  if (!media_type::is_index(index.media_type))
    return fail(ErrorKind::unsupported, "{}.mediaType: '{}' is no known image index", what, index.media_type);
  index.artifact_type = TRY(parse_media_type(json, "artifactType", what));
  index.manifests = TRY(parse_descriptor_list(json, "manifests", entry_limit, what));
  if (has_member(json, "subject")) index.subject = TRY(parse_descriptor_member(json, "subject", what));
  index.annotations = TRY(json_string_map(json, "annotations", what));
  return index;
}

std::string ImageIndex::to_bytes() const {
  Json json = {{"schemaVersion", 2}, {"mediaType", media_type}};
  if (!artifact_type.empty()) json["artifactType"] = artifact_type;
  Json& list = json["manifests"] = Json::array();
  for (const Descriptor& manifest : manifests) list.push_back(manifest.to_json());
  if (subject) json["subject"] = subject->to_json();
  if (!annotations.empty()) json["annotations"] = annotations;
  return dump_json(json);
}

const Descriptor* ImageIndex::find(const Digest& digest) const {
  const auto found = std::ranges::find(manifests, digest, &Descriptor::digest);
  return found == manifests.end() ? nullptr : &*found;
}

void ImageIndex::set(Descriptor entry) {
  const bool docker = entry.media_type == media_type::k_docker_manifest && entry.annotations.empty() &&
                      entry.artifact_type.empty();
  if (!docker) media_type = media_type::k_index;
  const auto found = std::ranges::find(manifests, entry.digest, &Descriptor::digest);
  if (found != manifests.end())
    *found = std::move(entry);
  else
    manifests.push_back(std::move(entry));
}

bool ImageIndex::erase(const Digest& digest) {
  return std::erase_if(manifests, [&](const Descriptor& entry) { return entry.digest == digest; }) > 0;
}

Result<Descriptor> select_platform(const std::vector<Descriptor>& entries, const Platform& wanted) {
  const Descriptor* best = nullptr;
  int best_fitness = 0;
  for (const Descriptor& entry : entries) {
    if (const int value = fitness(wanted, entry); value > best_fitness) {
      best = &entry;
      best_fitness = value;
    }
  }
  // An index around one image often does not repeat the platform that its config has.
  if (!best && entries.size() == 1 && !entries.front().platform) best = &entries.front();
  if (!best)
    return fail(ErrorKind::not_found, "the image index has no image for {}; it has {}", wanted.to_string(),
                list_platforms(entries));
  return *best;
}

Result<Descriptor> select_platform(const ImageIndex& index, const Platform& wanted) {
  return select_platform(index.manifests, wanted);
}

}  // namespace ecrin::oci
