// Traces (fs/fuse/image_trace.hpp) as they are kept and sent: encode_trace in zstd. Whatever the bytes are,
// reading them takes bounded memory and gives a trace, or none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "fs/fuse/image_trace.hpp"

namespace ecrin::build {

Result<std::string> pack_trace(const fs::ImageTrace& trace);
/// One of this store. None: damaged, or of another version, which says nothing any more.
std::optional<fs::ImageTrace> unpack_trace(std::string packed);

/// Of a trace that comes from elsewhere, unpacked.
inline constexpr std::uint64_t k_foreign_trace_limit = 64u << 20;  // bytes

/// As another machine wrote it. ErrorKind::limit, or ErrorKind::invalid: damaged, of another version, or a
/// trace of nothing, which would hold everywhere.
Result<fs::ImageTrace> unpack_foreign_trace(std::string packed);

}  // namespace ecrin::build
