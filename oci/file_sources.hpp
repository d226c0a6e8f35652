// Images in files as sources of a copy: OCI layouts, docker archives, directories of skopeo's `dir:`. What
// lies in a file may be anything: all of it is bounded and checked, here or at the destination.
#pragma once

#include <memory>
#include <vector>

#include "oci/image_choice.hpp"

namespace ecrin::oci {

/// The images of a layout that are meant; they share `files`.
Result<std::vector<FileImage>> open_layout_images(std::shared_ptr<ImageFiles> files,
                                                  const ImageChoice& choice);
/// Docker archives have no manifests: one is made, of plain layers, with the config's own bytes. Layers that
/// an archive has packed are unpacked when read.
Result<std::vector<FileImage>> open_docker_archive_images(std::shared_ptr<ImageFiles> files,
                                                          const ImageChoice& choice);
/// A directory with manifest.json and one file a blob, named by the digest's hexadecimal part.
Result<std::unique_ptr<ImageSource>> open_directory_source(std::shared_ptr<ImageFiles> files);

}  // namespace ecrin::oci
