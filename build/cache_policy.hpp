// Which entries of the build cache go: the least recently used first, until what stays is small enough.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ecrin::build {

struct CacheEntry {
  std::string key;
  std::string layer;  // the directory that it keeps
  std::int64_t created = 0;
  std::int64_t last_used = 0;
};

struct CachePolicy {
  std::optional<std::int64_t> used_since;  // entries used then or later stay
  std::optional<std::uint64_t> keep;       // bytes that may stay; none: no entry is kept for its size
  std::optional<std::uint64_t> free;       // bytes that must go; the other way to say `keep`
};

/// The keys of the entries to remove. `sizes`: bytes on disk by layer; a layer counts until its last entry
/// has gone.
std::vector<std::string> choose_cache_entries(std::vector<CacheEntry> entries,
                                              const std::map<std::string, std::uint64_t>& sizes,
                                              const CachePolicy& policy);

}  // namespace ecrin::build
