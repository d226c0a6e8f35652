// The image that a stage begins with, for those who must know it before the build: with what stands in for
// it.
#pragma once

#include <memory>
#include <string>

#include "base/cancel.hpp"
#include "build/build.hpp"
#include "oci/image_store.hpp"

namespace ecrin::build {

/// nullptr: a directory stands in for it (BuildOptions::named_contexts).
Result<std::shared_ptr<const oci::Image>> find_base_image(Workshop& workshop, const BuildOptions& options,
                                                          const std::string& name,
                                                          const oci::Platform& platform,
                                                          const CancelToken& cancel);
/// The image of a named context that is an OCI layout. It is read once.
Result<std::shared_ptr<const oci::Image>> import_layout(oci::ImageStore& images, const NamedContext& context,
                                                        const oci::Platform& platform);

}  // namespace ecrin::build
