// The store as destination of a copy. Blobs are downloaded into it (see BlobStore::download), so that what
// came before a failure is there for the next try; images and names appear with commit().
#pragma once

#include <memory>
#include <vector>

#include "oci/image_destination.hpp"
#include "oci/image_store.hpp"

namespace ecrin::oci {

/// `names`: what the image is called in the store; none: it is dangling.
std::unique_ptr<ImageDestination> make_store_destination(ImageStore& images, std::vector<Reference> names);

/// For images that an index of the store is about to list: they come as parts, without names. Of an index
/// that is copied only the images are recorded, not the index itself: its bytes are what copy_image()
/// returns.
std::unique_ptr<ImageDestination> make_parts_destination(ImageStore& images);

}  // namespace ecrin::oci
