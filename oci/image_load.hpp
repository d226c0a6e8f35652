// Reading an image out of blobs, with every check that needs more than one document. Internal to oci/.
#pragma once

#include <functional>

#include "oci/image_store.hpp"

namespace ecrin::oci {

/// Manifest and config of `descriptor`: sizes, digests, media types, and one diff ID for each layer. Layers
/// are not opened: they may exist only as directories. `read` gives the verified bytes of a small blob, from
/// wherever the image is: a store, or a file to import.
using BlobReader = std::function<Result<std::string>(const Descriptor& descriptor, std::uint64_t limit)>;
Result<Image> load_image(const BlobReader& read, const Descriptor& descriptor);

}  // namespace ecrin::oci
