// The few calls on open files that trees need beside base/posix.hpp: sparse files, times, comparing content.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "base/fd.hpp"

namespace ecrin::fs {

Result<> set_mtime(const Fd& file, const struct timespec& mtime);

struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
/// The next data at or after `offset`, within the first `size` bytes. Empty: only a hole is left. A file
/// system that knows no holes has one extent.
Result<std::optional<Extent>> next_data(const Fd& file, std::uint64_t offset, std::uint64_t size);

/// Both are regular files of this size, at their beginnings; do they hold the same bytes?
Result<bool> same_content(const Fd& first, const Fd& second, std::uint64_t size);

}  // namespace ecrin::fs
