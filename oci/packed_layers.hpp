// PackedLayers: which blob a layer became when it was packed, so that no layer is packed twice. A table of
// the store; a row whose blob has gone counts for nothing.
#pragma once

#include <memory>
#include <optional>

#include "base/store.hpp"
#include "oci/descriptor.hpp"
#include "oci/layer_compression.hpp"

namespace ecrin::oci {

class PackedLayers {
public:
  static Result<std::unique_ptr<PackedLayers>> open(Store& store);
  /// `layer`: the digest that the layer had before.
  Result<std::optional<Descriptor>> find(const Digest& layer, const LayerCompression& compression);
  Result<> record(const Digest& layer, const LayerCompression& compression, const Descriptor& packed);

private:
  explicit PackedLayers(Store& store) : m_store(store) {}
  Store& m_store;
};

}  // namespace ecrin::oci
