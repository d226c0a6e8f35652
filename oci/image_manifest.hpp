// ImageManifest (image-spec manifest.md; docker schema 2): a config and layers, either of an image or of
// anything else that somebody keeps in a registry (an artifact). A parsed value; the raw bytes, whose digest
// is the name, are kept and never made again.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/image_index.hpp"

namespace ecrin::oci {

inline constexpr std::uint64_t k_config_limit = 16u << 20;  // bytes
inline constexpr std::size_t k_layer_count_limit = 500;

struct ImageManifest {
  std::string media_type;
  std::string artifact_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;

  /// Checks the media types, the schema version and the counts. Schema 1 is refused with a sentence.
  static Result<ImageManifest> parse(std::string_view bytes, std::string_view what);
  std::string to_bytes() const;

  /// The manifest of an image that can be unpacked. Others are artifacts: signatures, charts, and the
  /// attestations of BuildKit, which have the config of an image but layers of another kind.
  bool is_image() const;
  /// What kind of artifact: artifactType, else the config's media type.
  const std::string& artifact_kind() const;
};

}  // namespace ecrin::oci
