// Garbage: what no name, no container and no live lease holds. One transaction decides, then the trees are
// deleted, so two builds and a prune at once are safe and a kill in the middle leaves only what the next
// prune finds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "build/workshop.hpp"

namespace ecrin::build {

struct PruneOptions {
  bool images = true;       // dangling images
  bool all_images = false;  // images that no name... every image not used by a container
  bool cache = true;        // build cache entries whose layers nothing else needs
  bool blobs = false;       // compressed blobs of layers that are unpacked
};
struct PruneReport {
  std::vector<std::string> images;  // IDs removed
  std::size_t layers = 0;
  std::size_t blobs = 0;
  std::size_t cache_entries = 0;
  std::size_t leases = 0;   // of dead processes
  std::uint64_t bytes = 0;  // freed
};
Result<PruneReport> prune(Workshop& workshop, const PruneOptions& options);

}  // namespace ecrin::build
