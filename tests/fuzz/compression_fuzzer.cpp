// Any bytes are a compressed stream or one error, never more than the bound; and the input as content comes
// back the same from each format that we write.
#include "base/compression.hpp"

#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using ecrin::fuzz::require;

namespace {

constexpr std::uint64_t k_limit = 4u << 20;

void unpack(std::string_view bytes, std::optional<Compression> compression) {
  auto packed = std::make_unique<MemorySource>(std::string(bytes));
  auto source = compression ? decompress(*compression, std::move(packed)) : decompress_any(std::move(packed));
  if (!source) return;
  LimitSource limited(std::move(*source), k_limit, "fuzzed");
  const auto plain = read_all(limited, k_limit);
  require(!plain || plain->size() <= k_limit);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  unpack(bytes, std::nullopt);
  for (const Compression compression :
       {Compression::gzip, Compression::zstd, Compression::bzip2, Compression::xz})
    unpack(bytes, compression);
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    StringSink packed;
    const auto sink = compress(compression, 1, packed);
    require(sink && (*sink)->write(as_bytes(bytes)) && (*sink)->finish());
    const auto source = decompress_any(std::make_unique<MemorySource>(packed.bytes()));
    require(source.has_value());
    const auto plain = read_all(**source, size);
    require(plain && *plain == bytes);
  }
  return 0;
}
