// Images in files as destinations of a copy; the counterpart of file_sources. All of them are as they were
// before until commit(), except what is written to a pipe.
#pragma once

#include <memory>
#include <string>

#include "base/fd.hpp"
#include "oci/image_destination.hpp"

namespace ecrin::oci {

/// A layout directory, which may have other images. `reference` is what the image is called in its index (""
/// = nothing), a name or a tag; an image that was called so loses the name.
Result<std::unique_ptr<ImageDestination>> open_layout_destination(const std::string& path,
                                                                  const std::string& reference);
/// A tar of a layout with this one image.
Result<std::unique_ptr<ImageDestination>> open_layout_archive_destination(const std::string& path,
                                                                          const std::string& reference);
/// What `docker load` reads: plain layers and the config, no manifest. `scratch` is where packed layers are
/// unpacked to, because a tar says sizes beforehand.
Result<std::unique_ptr<ImageDestination>> open_docker_archive_destination(const std::string& path,
                                                                          const std::string& reference,
                                                                          Fd scratch);
/// A directory of skopeo's `dir:`, new, empty, or one with another image, which is replaced.
Result<std::unique_ptr<ImageDestination>> open_directory_destination(const std::string& path);

}  // namespace ecrin::oci
