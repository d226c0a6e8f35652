// What a store takes on the disk, by place, and what of it each image has to answer for. The places add up to
// what `du` says: nothing in the store is left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "build/workshop.hpp"

namespace ecrin::build {

/// One part of the store's directory.
struct PlaceUsage {
  std::string name;  // layers, blobs, cache, downloads, containers, volumes, database
  std::size_t count = 0;
  std::uint64_t bytes = 0;        // allocated on disk
  std::uint64_t shared = 0;       // what more than one image needs
  std::uint64_t reclaimable = 0;  // what `prune` would free; of volumes with --volumes
};

/// What one image has in layers and blobs; an index: what its images have.
struct ImageUsage {
  oci::ImageRecord record;
  std::uint64_t bytes = 0;
  std::uint64_t shared = 0;
  bool dangling = false;  // prune would remove it
};

struct StoreUsage {
  std::vector<PlaceUsage> places;
  std::vector<ImageUsage> images;
  PlaceUsage all_images;    // a view of layers and blobs, not a place of its own
  std::uint64_t total = 0;  // of the places
};

Result<StoreUsage> measure_store(Workshop& workshop);

}  // namespace ecrin::build
