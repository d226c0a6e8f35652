// Files whose long runs of zeros take no room: a disk image of a virtual machine that went through a tar,
// which knows no holes, gets them back.
#pragma once

#include <cstdint>
#include <span>

#include "base/stream.hpp"

namespace ecrin {

/// Nothing but zeros; true of no bytes.
bool all_zero(std::span<const std::byte> bytes);

/// pwrite of everything at `offset`, except for long runs of zeros: they are left out, as holes of a file
/// that has nothing there yet. True: the last bytes are one of them, and the size may have to be set.
Result<bool> write_leaving_holes(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes);
Result<> set_size(const Fd& file, std::uint64_t size);

/// Writes to a new regular file from its beginning in this way; `file` must outlive it.
class SparseFileSink final : public Sink {
public:
  explicit SparseFileSink(const Fd& file) : m_file(file) {}
  Result<> write(std::span<const std::byte> bytes) override;
  /// Sets the size.
  Result<> finish() override;

private:
  const Fd& m_file;
  std::uint64_t m_size = 0;
  bool m_ends_in_hole = false;
};

}  // namespace ecrin
