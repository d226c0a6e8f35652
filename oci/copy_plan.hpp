// CopyPlan: the documents of a copy, read and checked before the first blob moves. Internal to oci/.
#pragma once

#include <optional>
#include <vector>

#include "oci/copy_image.hpp"
#include "oci/image_manifest.hpp"

namespace ecrin::oci {

struct PlannedManifest {
  RawManifest raw;
  std::optional<ImageManifest> image;  // none: an index
  std::vector<Descriptor> children;    // of an index
  std::optional<ImageConfig> config;   // of an image that can run, when it was read
};

struct CopyPlan {
  std::vector<PlannedManifest> manifests;  // children before the index that names them; the last is the top
};

/// What `options` ask for of `source`. Bounded: depth, number and bytes of manifests.
Result<CopyPlan> plan_copy(ImageSource& source, const CopyOptions& options, CopyObserver& observer,
                           const CancelToken* cancel);

}  // namespace ecrin::oci
