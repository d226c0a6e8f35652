// upload_layer: one layer by itself to a destination, packed, without an image around it: what a shared build
// cache does while the build goes on. What was packed before keeps its digest, and what the destination has
// is neither packed nor read.
#pragma once

#include <functional>

#include "oci/blob_store.hpp"
#include "oci/copy_image.hpp"
#include "oci/packed_layers.hpp"

namespace ecrin::oci {

struct PlainLayer {
  DiffId diff_id;
  std::uint64_t size = 0;  // bytes of its tar
  std::function<Result<std::unique_ptr<Source>>()> open;
};

struct UploadedLayer {
  Descriptor blob;
  BlobOutcome outcome = BlobOutcome::present;
  double seconds = 0;  // that its bytes were on the way
};

/// The digest of the plain bytes is checked on the way.
Result<UploadedLayer> upload_layer(BlobStore& blobs, PackedLayers& packed_layers, const PlainLayer& layer,
                                   const LayerCompression& compression, ImageDestination& destination,
                                   CopyObserver& observer, const CancelToken* cancel);

/// A blob as it is from one place to another, unless it is there.
Result<BlobOutcome> copy_blob(const Descriptor& blob, const BlobOpener& open, ImageDestination& destination,
                              CopyObserver& observer, const CancelToken* cancel);

}  // namespace ecrin::oci
