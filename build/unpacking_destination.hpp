// The store as destination of a copy, like oci/store_destination, but layers are unpacked while they are
// downloaded: what `pull` and the bases of builds use. Here oci and fs meet.
#pragma once

#include <memory>
#include <vector>

#include "build/workshop.hpp"
#include "oci/image_destination.hpp"

namespace ecrin::build {

/// Layers that the store has packed already are left for Workshop::unpack, when somebody looks inside them.
std::unique_ptr<oci::ImageDestination> make_unpacking_destination(Workshop& workshop,
                                                                  std::vector<oci::Reference> names);

}  // namespace ecrin::build
