// The formats behind base/compression.hpp: one file each. Internal to base/.
#pragma once

#include <memory>

#include "base/stream.hpp"

namespace ecrin {

// How much is given to a compressor at once. Always whole blocks, because what a compressor makes of its
// input may depend on how the input was cut.
constexpr std::size_t k_compression_block = 256 * 1024;

Result<std::unique_ptr<Source>> make_gzip_source(std::unique_ptr<Source> source);
Result<std::unique_ptr<Sink>> make_gzip_sink(int level, Sink& next);
Result<std::unique_ptr<Source>> make_zstd_source(std::unique_ptr<Source> source);
Result<std::unique_ptr<Sink>> make_zstd_sink(int level, Sink& next);

}  // namespace ecrin
