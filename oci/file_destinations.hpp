// Images in files as destinations of a copy; the counterpart of file_sources. All of them are as they were
// before until commit(), except what is written to a pipe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "oci/image_destination.hpp"
#include "oci/layout_names.hpp"

namespace ecrin::oci {

/// A destination for several images: for each of them call_next() and copy_content(), then one commit().
class ImageCollection : public ImageDestination {
public:
  /// What the image that comes next is called; the one that was called so before loses the name.
  virtual Result<> call_next(std::vector<std::string> names) = 0;
};

/// A layout directory, which may have other images. Names are written in full, or as their tags where those
/// tell images apart.
Result<std::unique_ptr<ImageCollection>> open_layout_destination(const std::string& path, RefName style);
/// A tar of a layout.
Result<std::unique_ptr<ImageCollection>> open_layout_archive_destination(const std::string& path);
/// What `docker load` reads: plain layers and configs, no manifests. `scratch` is where packed layers are
/// unpacked to, because a tar says sizes beforehand.
Result<std::unique_ptr<ImageCollection>> open_docker_archive_destination(const std::string& path, Fd scratch);
/// A directory of skopeo's `dir:`, new, empty, or one with another image, which is replaced.
Result<std::unique_ptr<ImageDestination>> open_directory_destination(const std::string& path);

}  // namespace ecrin::oci
