// Images in files as sources of a copy: OCI layouts, docker archives, directories of skopeo's `dir:`. What
// lies in a file may be anything: all of it is bounded and checked, here or at the destination.
#pragma once

#include <memory>
#include <string>

#include "base/fd.hpp"
#include "oci/image_source.hpp"
#include "oci/platform.hpp"

namespace ecrin {
class Store;
}

namespace ecrin::oci {

class ImageFiles;

/// `reference` is a name, a tag or a digest in the layout's index; "" = the only image. Where an image has
/// one entry a platform, `platform` chooses.
Result<std::unique_ptr<ImageSource>> open_layout_source(std::unique_ptr<ImageFiles> files,
                                                        const std::string& reference,
                                                        const Platform& platform);
/// Docker archives have no manifests: one is made, of plain layers, with the config's own bytes. Layers that
/// an archive has packed are unpacked when read.
Result<std::unique_ptr<ImageSource>> open_docker_archive_source(std::unique_ptr<ImageFiles> files,
                                                                const std::string& reference);
/// A directory with manifest.json and one file a blob, named by the digest's hexadecimal part.
Result<std::unique_ptr<ImageSource>> open_directory_source(std::unique_ptr<ImageFiles> files);

}  // namespace ecrin::oci
