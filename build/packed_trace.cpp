#include "build/packed_trace.hpp"

#include <algorithm>

#include "base/compression.hpp"
#include "base/stream.hpp"
#include "build/traced_binds.hpp"

namespace ecrin::build {

namespace {

// What nobody here compares must not count as the same.
bool is_known(const fs::TracedPath& path) {
  return !path.path.starts_with(fs::k_other_tree) || path.path.starts_with(k_context_files);
}

}  // namespace

Result<fs::ImageTrace> unpack_foreign_trace(std::string packed) {
  const auto source = TRY(decompress(Compression::zstd, std::make_unique<MemorySource>(std::move(packed))));
  const std::string bytes = TRY(read_all(*source, k_foreign_trace_limit));
  auto trace = fs::decode_trace(bytes);
  // Every path begins at the root, so every trace does.
  if (!trace || trace->empty() || !trace->front().path.empty() || !std::ranges::all_of(*trace, is_known))
    return fail(ErrorKind::invalid, "it is damaged, or of another version");
  return std::move(*trace);
}

}  // namespace ecrin::build
