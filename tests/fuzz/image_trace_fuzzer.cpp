// Traces of steps, which come from shared caches too: what is read is written and read again as the same, its
// paths are in order and stay in the image.
#include "fs/fuse/image_trace.hpp"

#include <algorithm>

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto trace = fs::decode_trace(fuzz::text_of(data, size));
  if (!trace) return 0;
  require(trace->size() <= size / 24);
  require(std::ranges::is_sorted(*trace, {}, &fs::TracedPath::path));
  for (const fs::TracedPath& path : *trace) {
    const std::string inside = "/" + path.path + "/";
    require(path.path.empty() || path.path.starts_with("//") ||
            (!inside.contains("//") && !inside.contains("/./") && !inside.contains("/../")));
  }
  require(fs::decode_trace(fs::encode_trace(*trace)) == trace);
  return 0;
}
