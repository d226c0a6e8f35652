#include "oci/image_reach.hpp"

#include <map>

namespace ecrin::oci {

std::set<Digest> reachable(const std::vector<ImageRecord>& records, const std::set<Digest>& roots) {
  std::map<Digest, const ImageRecord*> by_digest;
  std::multimap<Digest, Digest> referrers;  // subject -> what refers to it
  for (const ImageRecord& record : records) {
    by_digest.emplace(record.manifest, &record);
    if (record.subject) referrers.emplace(*record.subject, record.manifest);
  }
  std::set<Digest> kept;
  std::vector<Digest> next(roots.begin(), roots.end());
  while (!next.empty()) {
    const Digest digest = next.back();
    next.pop_back();
    const auto found = by_digest.find(digest);
    if (found == by_digest.end() || !kept.insert(digest).second) continue;
    next.insert(next.end(), found->second->entries.begin(), found->second->entries.end());
    const auto [first, last] = referrers.equal_range(digest);
    for (auto referrer = first; referrer != last; ++referrer) next.push_back(referrer->second);
  }
  return kept;
}

}  // namespace ecrin::oci
