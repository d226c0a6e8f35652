// Packing a layer otherwise: its plain bytes through a compressor, the diff ID checked on the way. Internal
// to oci/.
//
// The packed bytes go to a file first and are not streamed into a chunked upload, although the client could:
//  - whether the destination has the blob already, or can take it over from another repository, is asked by
//    its digest, which is known after the last byte: a second copy would send everything again;
//  - an upload that was cut goes on in the middle, which would mean to fetch the layer once more and pack it
//    from its beginning;
//  - a chunk says its length before it begins: one of 16 MiB for each layer under way would be in memory.
// The files have no names, so nothing stays when we are killed. There is one for each blob under way.
#pragma once

#include <memory>

#include "oci/digest.hpp"
#include "oci/image_destination.hpp"
#include "oci/layer_compression.hpp"

namespace ecrin::oci {

/// A packed layer that waits for its journey: in a file without a name, gone when this is.
struct PackedLayer {
  Digest digest;
  std::uint64_t size = 0;
  std::shared_ptr<const Fd> file;
  BlobOpener opener() const;
};

/// `source` gives the layer as it is; whatever it is packed with is found by content. `packed_size` bounds
/// what may come out of it. `verified`: the digest that the source itself checks (nullptr: none); a layer
/// that has its diff ID for digest is not hashed a second time.
Result<PackedLayer> repack_layer(std::unique_ptr<Source> source, std::uint64_t packed_size,
                                 const DiffId& diff_id, const LayerCompression& compression,
                                 const Fd& scratch, const Digest* verified = nullptr);

/// The same without packing it again: for those who need the plain bytes and their number beforehand.
Result<PackedLayer> unpack_layer(std::unique_ptr<Source> source, std::uint64_t packed_size,
                                 const DiffId& diff_id, const Fd& scratch);

}  // namespace ecrin::oci
