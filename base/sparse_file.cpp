#include "base/sparse_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/posix_internal.hpp"

namespace ecrin {
namespace {

// The file in pieces of this size, of which those without data are left out. Less is not worth an extent.
constexpr std::size_t k_piece = 32 * 1024;

}  // namespace

bool all_zero(std::span<const std::byte> bytes) {
  return bytes.empty() ||
         (bytes[0] == std::byte{} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

Result<bool> write_leaving_holes(const Fd& fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  // Up to the end of a piece of the file, or of the bytes.
  const auto piece_at = [&](std::size_t begin) {
    const std::size_t whole = k_piece - static_cast<std::size_t>((offset + begin) % k_piece);
    return bytes.subspan(begin, std::min(whole, bytes.size() - begin));
  };
  std::size_t begin = 0;
  bool ends_in_hole = false;
  while (begin < bytes.size()) {
    std::size_t end = begin;
    while (end < bytes.size() && !all_zero(piece_at(end))) end += piece_at(end).size();
    while (begin < end) {
      const ssize_t count = posix::retry([&] {
        return ::pwrite(fd.get(), bytes.data() + begin, end - begin, static_cast<off_t>(offset + begin));
      });
      if (count < 0) return posix::failed("write", fd);
      begin += static_cast<std::size_t>(count);
    }
    ends_in_hole = end < bytes.size();
    if (ends_in_hole) begin = end + piece_at(end).size();
  }
  return ends_in_hole;
}

Result<> set_size(const Fd& fd, std::uint64_t size) {
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return posix::failed("set the size of", fd);
  return {};
}

Result<> SparseFileSink::write(std::span<const std::byte> bytes) {
  m_ends_in_hole = TRY(write_leaving_holes(m_file, m_size, bytes));
  m_size += bytes.size();
  return {};
}

Result<> SparseFileSink::finish() {
  return m_ends_in_hole ? set_size(m_file, m_size) : Result<>{};
}

}  // namespace ecrin
