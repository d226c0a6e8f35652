// The store as destination of a copy, like oci/store_destination, but layers are unpacked while they are
// downloaded: what `pull` and the bases of builds use. Here oci and fs meet.
#pragma once

#include <memory>
#include <vector>

#include "build/workshop.hpp"
#include "oci/image_destination.hpp"

namespace ecrin::build {

class UnpackingDestination : public oci::ImageDestination {
public:
  /// After commit(): the image as it was recorded, although another process may have removed it since.
  virtual Result<oci::ImageRecord> recorded(const oci::Digest& manifest) = 0;
};

/// Layers that the store has packed already are left for Workshop::unpack, when somebody looks inside them.
std::unique_ptr<UnpackingDestination> make_unpacking_destination(Workshop& workshop,
                                                                 std::vector<oci::Reference> names);

}  // namespace ecrin::build
