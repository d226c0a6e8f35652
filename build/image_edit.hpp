// Image edits: what `ecrin squash`, `append` and `rebase` need from layers. The documents are oci/mutate's
// part.
#pragma once

#include <string>
#include <vector>

#include "build/workshop.hpp"
#include "oci/mutate.hpp"

namespace ecrin::build {

/// The layers of `image` from number `first` (0 is the bottom) on, made into one. The layer is a directory,
/// as those that builds make.
Result<oci::NewLayer> squash_layers(Workshop& workshop, const oci::Image& image, std::size_t first,
                                    const CancelToken* cancel);

/// A tar, plain or compressed with gzip or zstd, as a layer: checked and unpacked as every layer is. Its
/// bytes are kept as they are.
Result<oci::NewLayer> add_layer_file(Workshop& workshop, const std::string& path, const CancelToken* cancel);

/// A file that the image's own layers change although it is another one in the new base: what the new base
/// brought there, nobody will see.
struct RebaseOverlap {
  std::string path;    // absolute in the image
  std::string reason;  // "changed (content) in the new base"
};
/// Looks only at what the bases do not share, and at these layers of the image (0 is the bottom), which are
/// its own.
Result<std::vector<RebaseOverlap>> find_overlaps(Workshop& workshop, const oci::Image& image,
                                                 const std::vector<std::size_t>& layers,
                                                 const oci::Image& old_base, const oci::Image& new_base,
                                                 const CancelToken* cancel);

}  // namespace ecrin::build
