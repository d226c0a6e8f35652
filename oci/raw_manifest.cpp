#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "oci/image_manifest.hpp"
#include "oci/image_source.hpp"

namespace ecrin::oci {

Descriptor RawManifest::descriptor() const {
  return {.media_type = media_type, .digest = digest, .size = bytes.size()};
}

Result<RawManifest> RawManifest::from_bytes(std::string bytes, std::string_view declared,
                                            std::string_view what) {
  RawManifest manifest;
  if (bytes.size() > k_manifest_limit)
    return fail(ErrorKind::limit, "{} has {} bytes, more than the {} that a manifest may have", what,
                bytes.size(), k_manifest_limit);
  const Json json = TRY(parse_json(bytes, what));
  const bool is_index = json.is_object() && json.contains("manifests") && !json["manifests"].is_null();
  manifest.media_type = is_index ? TRY(ImageIndex::parse(bytes, what)).media_type
                                 : TRY(ImageManifest::parse(bytes, what)).media_type;
  const bool is_known = media_type::is_manifest(declared) || media_type::is_index(declared);
  if (is_known && declared != manifest.media_type)
    return fail(ErrorKind::invalid, "{} is '{}', but it was called '{}'", what, manifest.media_type,
                declared);
  manifest.digest = Digest::of(bytes);
  manifest.bytes = std::move(bytes);
  return manifest;
}

}  // namespace ecrin::oci
