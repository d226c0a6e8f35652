#include "oci/image_manifest.hpp"
#include "oci/image_source.hpp"

namespace ecrin::oci {

Descriptor RawManifest::descriptor() const {
  return {.media_type = media_type, .digest = digest, .size = bytes.size()};
}

Result<RawManifest> RawManifest::from_bytes(std::string bytes, std::string_view declared,
                                            std::string_view what) {
  if (bytes.size() > k_manifest_limit)
    return fail(ErrorKind::limit, "{} has {} bytes, more than the {} that a manifest may have", what,
                bytes.size(), k_manifest_limit);
  RawManifest manifest;
  manifest.media_type = TRY(manifest_media_type(bytes, declared, what));
  manifest.digest = Digest::of(bytes);
  manifest.bytes = std::move(bytes);
  return manifest;
}

}  // namespace ecrin::oci
