// gzip and zstd as Source and Sink, bzip2 and xz as Source. The only place that knows zlib, ISA-L, zstd,
// libbz2 and liblzma.
//
// Reading takes what the world writes: several gzip members, several zstd frames, skippable frames (so
// zstd:chunked reads as plain zstd), and refuses truncated streams and trailing garbage.
// Writing is deterministic: the bytes depend on the input, the format and the level alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/stream.hpp"

namespace ecrin {

enum class Compression { none, gzip, zstd, bzip2, xz };

/// By magic number; at least 6 bytes should be given. Tar and everything unknown is `none`.
Compression detect_compression(std::span<const std::byte> head);

/// A source of the plain bytes.
Result<std::unique_ptr<Source>> decompress(Compression compression, std::unique_ptr<Source> source);

/// Looks at the first bytes of `source` and decompresses what it finds; tells which in `found`.
Result<std::unique_ptr<Source>> decompress_any(std::unique_ptr<Source> source, Compression* found = nullptr);

/// ErrorKind::invalid for a level that the format does not have (gzip 0 to 9, zstd 1 to 22, none: none),
/// ErrorKind::unsupported for a format that is only read.
Result<> check_level(Compression compression, std::optional<int> level);

/// A sink that compresses into `next` (none: passes through). `level` nullopt: 4 for gzip, 3 for zstd.
/// finish() writes the trailer and finishes `next`. The input is cut into blocks of a fixed size that up to
/// `threads` threads compress at once (1: the caller's own; they start with the second block); `next` is only
/// used on the caller's thread. The bytes are the same for any number of threads.
Result<std::unique_ptr<Sink>> compress(Compression compression, std::optional<int> level, Sink& next,
                                       std::size_t threads = 1);

/// How many bytes may come out of a compressed file of this size: 1 GiB and 200 times its own. Real ones stay
/// far below; a bomb does not.
std::uint64_t expansion_limit(std::uint64_t compressed_size);

}  // namespace ecrin
