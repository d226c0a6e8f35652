#include "fs/file_io.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/posix.hpp"

namespace ecrin::fs {

namespace {

Result<> seek(const Fd& file, std::uint64_t offset) {
  if (::lseek(file.get(), static_cast<off_t>(offset), SEEK_SET) < 0) {
    return fail_errno("cannot seek to offset {}", offset);
  }
  return {};
}

}  // namespace

Result<> set_mtime(const Fd& file, const struct timespec& mtime) {
  const struct timespec times[2] = {mtime, mtime};
  if (::futimens(file.get(), times) < 0) return fail_errno("cannot set the times of a file");
  return {};
}

Result<std::optional<Extent>> next_data(const Fd& file, std::uint64_t offset, std::uint64_t size) {
  if (offset >= size) return std::optional<Extent>{};
  const off_t begin = ::lseek(file.get(), static_cast<off_t>(offset), SEEK_DATA);
  if (begin < 0) {
    if (errno == ENXIO) return std::optional<Extent>{};
    if (errno == EINVAL || errno == EOPNOTSUPP) {
      TRY(seek(file, offset));
      return std::optional(Extent{.begin = offset, .end = size});
    }
    return fail_errno("cannot look for data in a file");
  }
  if (static_cast<std::uint64_t>(begin) >= size) return std::optional<Extent>{};
  const off_t end = ::lseek(file.get(), begin, SEEK_HOLE);
  if (end < 0) return fail_errno("cannot look for holes in a file");
  TRY(seek(file, static_cast<std::uint64_t>(begin)));
  return std::optional(Extent{.begin = static_cast<std::uint64_t>(begin),
                              .end = std::min(static_cast<std::uint64_t>(end), size)});
}

Result<bool> same_content(const Fd& first, const Fd& second, std::uint64_t size) {
  const std::size_t block = static_cast<std::size_t>(std::min<std::uint64_t>(size, 256 * 1024));
  std::vector<std::byte> first_buffer(block);
  std::vector<std::byte> second_buffer(block);
  for (std::uint64_t left = size; left > 0;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, block));
    TRY(posix::read_full(first, std::span(first_buffer).first(wanted)));
    TRY(posix::read_full(second, std::span(second_buffer).first(wanted)));
    if (std::memcmp(first_buffer.data(), second_buffer.data(), wanted) != 0) return false;
    left -= wanted;
  }
  return true;
}

}  // namespace ecrin::fs
