// containers-storage: the store of podman, buildah and CRI-O. Its format belongs to its own programs: images
// go in and out through skopeo or podman and a directory in our store's tmp/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "oci/image_destination.hpp"
#include "oci/image_store.hpp"

namespace ecrin::oci {

struct ContainersTools {
  std::string search_path;
  /// Words in front of the program's: what makes it work where we are ("env", "A=b"), or nothing.
  std::vector<std::string> prefix;
};

/// Copies the image out at once; what was copied is gone when the source is.
Result<std::unique_ptr<ImageSource>> open_containers_storage_source(Store& store,
                                                                    const ContainersTools& tools,
                                                                    const std::string& name);
/// Hands the image over in commit(). `name`: a full name with a tag.
Result<std::unique_ptr<ImageDestination>> open_containers_storage_destination(Store& store,
                                                                              const ContainersTools& tools,
                                                                              const std::string& name);

}  // namespace ecrin::oci
