// push_image: an image of the store to a registry. Layers that are not packed are packed first, in the store,
// where the packed image then has the names of the old one: the digest here is the digest there.
#pragma once

#include "oci/copy_image.hpp"
#include "oci/image_store.hpp"
#include "oci/registry/registry_images.hpp"

namespace ecrin::oci {

struct PushOptions {
  bool all = true;  // of an index: all that it lists; else the image for `platform`
  Platform platform = Platform::host();
  /// Of layers that are not packed. None: zstd for layers that were made here; those that came so stay so,
  /// that the image keeps its digest.
  std::optional<LayerCompression> compression;
  bool repack = false;  // also of those that are packed in another way
  std::optional<ManifestFormat> format;
  std::size_t jobs = 6;
};

/// Returns the manifest or index as the registry has it now.
Result<RawManifest> push_image(ImageStore& images, RegistryImages& registries, const ImageRecord& image,
                               const Reference& to, const PushOptions& options, CopyObserver& observer,
                               const CancelToken* cancel);

}  // namespace ecrin::oci
