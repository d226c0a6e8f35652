// Traces of steps (fs/fuse/image_trace.hpp) as other machines wrote them: whatever the bytes are, reading
// them takes bounded memory and gives a trace or an error.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "fs/fuse/image_trace.hpp"

namespace ecrin::build {

/// Of a trace that comes from elsewhere, unpacked.
inline constexpr std::uint64_t k_foreign_trace_limit = 64u << 20;  // bytes

/// encode_trace in zstd. ErrorKind::limit, or ErrorKind::invalid: damaged, of another version, or a trace of
/// nothing, which would hold everywhere.
Result<fs::ImageTrace> unpack_foreign_trace(std::string packed);

}  // namespace ecrin::build
