// The rows of a shared build cache, which whoever can write to the registry wrote: what is accepted is
// written and read again as the same, merged with itself nothing changes, and it stays in its bounds.
#include "build/shared_rows.hpp"

#include <algorithm>

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using namespace ecrin::build;
using ecrin::fuzz::require;

namespace {

SharedShard shard_of(std::string_view text) {
  SharedShard shard{.rows = std::string(text), .blobs = {}};
  for (const char* content : {"one", "two", "three"})
    shard.blobs.push_back({.media_type = "application/vnd.oci.image.layer.v1.tar+zstd",
                           .digest = oci::Digest::of(content),
                           .size = 100});
  shard.blobs.push_back(
      {.media_type = std::string(k_cache_trace_type), .digest = oci::Digest::of("four"), .size = 100});
  return shard;
}

SharedRows decode_all(const std::vector<SharedShard>& shards) {
  SharedRows all;
  for (const SharedShard& shard : shards) {
    const auto rows = decode_rows(shard);
    require(rows.has_value());
    all.steps.insert(all.steps.end(), rows->steps.begin(), rows->steps.end());
    all.mounts.insert(all.mounts.end(), rows->mounts.begin(), rows->mounts.end());
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto rows = decode_rows(shard_of(fuzz::text_of(data, size)));
  if (!rows) return 0;
  SharedRows merged = merge_rows({}, *rows);
  require(contains_rows(merged, *rows));
  require(contains_rows(decode_all(encode_rows(merged)), merged));
  bound_rows(merged, {.steps = 3, .blobs = 2, .mounts = 1, .traces = 1});
  require(merged.steps.size() <= 3 && merged.mounts.size() <= 1);
  require(std::ranges::count_if(merged.steps,
                                [](const SharedStep& step) { return step.trace.has_value(); }) <= 1);
  return 0;
}
