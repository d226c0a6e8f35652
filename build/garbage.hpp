// Garbage: what no name, no container and no live lease holds. One transaction decides, then the trees are
// deleted, so two builds and a prune at once are safe and a kill in the middle leaves only what the next
// prune finds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "build/image_needs.hpp"

namespace ecrin::build {

struct PruneOptions {
  bool images = true;       // dangling images
  bool all_images = false;  // images that no name... every image not used by a container
  bool cache = true;        // build cache entries whose layers nothing else needs, and failed steps
  bool blobs = false;       // compressed blobs of layers that are unpacked
  bool downloads = true;    // parts of blobs that nobody is downloading
  std::optional<std::int64_t> until = std::nullopt;       // only what was added or last used before this time
  std::vector<LabelFilter> labels = {};                   // only images that fit all of them; no cache then
  std::optional<std::int64_t> used_since = std::nullopt;  // cache entries used since then stay
  std::optional<std::uint64_t> keep_cache = std::nullopt;  // bytes of cache that may stay, the latest used
  std::optional<std::uint64_t> max_size = std::nullopt;    // of the whole store: cache goes until it is kept
};
struct PruneReport {
  std::vector<std::string> images;  // IDs removed
  std::size_t layers = 0;
  std::size_t blobs = 0;
  std::size_t cache_entries = 0;
  std::size_t downloads = 0;
  std::size_t kept_steps = 0;  // that failed
  std::size_t leases = 0;      // of dead processes
  std::uint64_t bytes = 0;     // freed
};
Result<PruneReport> prune(Workshop& workshop, const PruneOptions& options);

}  // namespace ecrin::build
