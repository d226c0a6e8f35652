// LayerType: what the media type of a layer says: in whose words, how it is packed, whether it may be passed
// on. Internal to oci/: for manifests that have to be made anew.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/compression.hpp"
#include "oci/copy_image.hpp"

namespace ecrin::oci {

struct LayerType {
  ManifestFormat format = ManifestFormat::oci;
  Compression compression = Compression::none;
  bool non_distributable = false;  // docker: "foreign". Registries need not have it

  /// Empty for what is no layer of a file system.
  static std::optional<LayerType> of(std::string_view media_type);
  /// Empty when that format has no word for it.
  std::string_view media_type() const;
};

}  // namespace ecrin::oci
