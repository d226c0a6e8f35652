#include "build/packed_trace.hpp"

#include <algorithm>

#include "base/compression.hpp"
#include "base/stream.hpp"
#include "build/traced_binds.hpp"
#include "build/traced_inputs.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_own_trace_limit = 256u << 20;  // bytes, unpacked

// What nobody here compares must not count as the same.
bool is_known(const fs::TracedPath& path) {
  return !path.path.starts_with(fs::k_other_tree) || path.path.starts_with(k_context_files) ||
         path.path.starts_with(k_input_files);
}

Result<std::string> unpacked(std::string packed, std::uint64_t limit) {
  const auto source = TRY(decompress(Compression::zstd, std::make_unique<MemorySource>(std::move(packed))));
  return read_all(*source, limit);
}

}  // namespace

Result<std::string> pack_trace(const fs::ImageTrace& trace) {
  StringSink packed;
  auto compressor = TRY(compress(Compression::zstd, std::nullopt, packed));
  TRY(compressor->write(as_bytes(fs::encode_trace(trace))));
  TRY(compressor->finish());
  return std::move(packed.bytes());
}

std::optional<fs::ImageTrace> unpack_trace(std::string packed) {
  const auto bytes = unpacked(std::move(packed), k_own_trace_limit);
  return bytes ? fs::decode_trace(*bytes) : std::nullopt;
}

Result<fs::ImageTrace> unpack_foreign_trace(std::string packed) {
  const std::string bytes = TRY(unpacked(std::move(packed), k_foreign_trace_limit));
  auto trace = fs::decode_trace(bytes);
  // Every path begins at the root, so every trace does.
  if (!trace || trace->empty() || !trace->front().path.empty() || !std::ranges::all_of(*trace, is_known))
    return fail(ErrorKind::invalid, "it is damaged, or of another version");
  return std::move(*trace);
}

}  // namespace ecrin::build
