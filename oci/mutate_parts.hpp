// What the files of oci/mutate share.
#pragma once

#include <string>
#include <vector>

#include "oci/mutate.hpp"

namespace ecrin::oci {

NewImage unchanged(const Image& image);
/// The documents of an image with this config, and the manifest's layers and annotations. `original` gives
/// the config's members that we do not know.
Result<NewImage> assemble(const Image& original, const ImageConfig& config, ImageManifest manifest);

}  // namespace ecrin::oci
