#include "base/range_source.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ecrin {

Result<std::size_t> RangeSource::read(std::span<std::byte> buffer) {
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), m_left));
  if (wanted == 0) return 0u;
  ssize_t count = 0;
  do count = ::pread(m_file->get(), buffer.data(), wanted, static_cast<off_t>(m_offset));
  while (count < 0 && errno == EINTR);
  if (count < 0) return fail_errno("cannot read a file at offset {}", m_offset);
  if (count == 0)
    return fail(ErrorKind::invalid, "the file ends at offset {}, {} bytes too early", m_offset, m_left);
  m_offset += static_cast<std::uint64_t>(count);
  m_left -= static_cast<std::uint64_t>(count);
  return static_cast<std::size_t>(count);
}

}  // namespace ecrin
