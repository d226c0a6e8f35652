// The formats behind base/compression.hpp: one file each. Internal to base/.
#pragma once

#include <memory>
#include <string>

#include "base/stream.hpp"

namespace ecrin {

// How much is read at once.
constexpr std::size_t k_compression_block = 256 * 1024;

Result<std::unique_ptr<Source>> make_gzip_source(std::unique_ptr<Source> source);
Result<std::unique_ptr<Source>> make_zstd_source(std::unique_ptr<Source> source);
Result<std::unique_ptr<Source>> make_bzip2_source(std::unique_ptr<Source> source);
Result<std::unique_ptr<Source>> make_xz_source(std::unique_ptr<Source> source);

/// What inflates is in a library that is loaded late.
Result<> load_isal();

/// A block of the input, compressed by itself.
struct PackedBlock {
  std::string bytes;
  std::uint32_t checksum = 0;  // of the plain bytes, where the format has one for the whole
};

/// A format whose stream can be put together from blocks that know nothing of each other's results. What
/// pack() makes depends on its arguments alone; it is called on several threads at once.
class BlockFormat {
public:
  virtual ~BlockFormat() = default;
  virtual std::size_t block_size() const = 0;
  /// How many bytes before the block pack() gets as `before` (less at the start).
  virtual std::size_t window_size() const = 0;
  virtual std::string header() const = 0;
  enum class Last { no, yes };
  virtual Result<PackedBlock> pack(std::string_view before, std::string_view block, Last last) const = 0;
  /// The checksum of two neighbouring parts, the second one of `size` bytes.
  virtual std::uint32_t combine(std::uint32_t first, std::uint32_t second, std::uint64_t size) const = 0;
  virtual std::string trailer(std::uint32_t checksum, std::uint64_t size) const = 0;
};
std::shared_ptr<const BlockFormat> make_gzip_format(int level);
std::shared_ptr<const BlockFormat> make_zstd_format(int level);

Result<std::unique_ptr<Sink>> make_block_sink(std::shared_ptr<const BlockFormat> format, Sink& next,
                                              std::size_t threads);

}  // namespace ecrin
