// ImageManifest and ImageIndex (image-spec manifest.md, image-index.md; docker schema 2 manifests and lists).
// Parsed values; the raw bytes, whose digest is the name, are kept and never made again.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/descriptor.hpp"

namespace ecrin::oci {

inline constexpr std::uint64_t k_manifest_limit = 4u << 20;  // bytes, as distribution-spec suggests
inline constexpr std::uint64_t k_config_limit = 16u << 20;   // bytes
inline constexpr std::size_t k_layer_count_limit = 1000;

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
};

struct ImageIndex {
  std::string media_type;
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;
  static Result<ImageIndex> parse(std::string_view bytes, std::string_view what);
  std::string to_bytes() const;
};

/// The manifest of `index` that fits `wanted` best; not_found names the platforms that there are.
Result<Descriptor> select_platform(const ImageIndex& index, const Platform& wanted);

}  // namespace ecrin::oci
