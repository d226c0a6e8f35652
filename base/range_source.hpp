// RangeSource: a part of a file that many readers share. It reads at offsets and never moves the file's own
// position, so members of an archive can be read in any order, also at the same time.
#pragma once

#include <cstdint>
#include <memory>

#include "base/stream.hpp"

namespace ecrin {

class RangeSource final : public Source {
public:
  RangeSource(std::shared_ptr<const Fd> file, std::uint64_t offset, std::uint64_t size)
      : m_file(std::move(file)), m_offset(offset), m_left(size) {}
  /// A file that ends before the range does is an error, not an early end.
  Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
  std::shared_ptr<const Fd> m_file;
  std::uint64_t m_offset;
  std::uint64_t m_left;
};

}  // namespace ecrin
