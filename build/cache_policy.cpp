#include "build/cache_policy.hpp"

#include <algorithm>
#include <tuple>

namespace ecrin::build {

std::vector<std::string> choose_cache_entries(std::vector<CacheEntry> entries,
                                              const std::map<std::string, std::uint64_t>& sizes,
                                              const CachePolicy& policy) {
  const auto size_of = [&](const std::string& layer) {
    const auto found = sizes.find(layer);
    return found == sizes.end() ? 0 : found->second;
  };
  std::map<std::string, std::size_t> users;
  std::uint64_t total = 0;
  for (const CacheEntry& entry : entries)
    if (users[entry.layer]++ == 0) total += size_of(entry.layer);
  std::uint64_t limit = policy.keep.value_or(UINT64_MAX);
  if (policy.free) limit = std::min(limit, total > *policy.free ? total - *policy.free : 0);
  const bool by_size = policy.keep || policy.free;
  // Of the steps of one build the last goes first: the earlier ones are of use without it.
  std::ranges::sort(entries, [](const CacheEntry& a, const CacheEntry& b) {
    return std::tuple(a.last_used, -a.created, a.key) < std::tuple(b.last_used, -b.created, b.key);
  });
  std::vector<std::string> chosen;
  for (const CacheEntry& entry : entries) {
    if (by_size && total <= limit) break;
    if (policy.used_since && entry.last_used >= *policy.used_since) break;
    chosen.push_back(entry.key);
    if (--users[entry.layer] == 0) total -= size_of(entry.layer);
  }
  return chosen;
}

}  // namespace ecrin::build
