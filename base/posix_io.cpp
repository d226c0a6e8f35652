// Reading, writing and copying of file contents.
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/posix_internal.hpp"
#include "base/text.hpp"

namespace ecrin::posix {
namespace {

Result<> copy_by_hand(const Fd& from, const Fd& to, off_t offset, off_t end, std::vector<std::byte>& buffer) {
  // No larger than there is need for: it is made for each file, and filled with zeros.
  const auto size = static_cast<std::size_t>(std::clamp<off_t>(end - offset, 1, 256 * 1024));
  if (buffer.size() < size) buffer.resize(size);
  while (offset < end) {
    const auto wanted = std::min(buffer.size(), static_cast<std::size_t>(end - offset));
    const ssize_t count = retry([&] { return ::pread(from.get(), buffer.data(), wanted, offset); });
    if (count < 0) return failed("read", from);
    if (count == 0)
      return fail(ErrorKind::invalid, "'{}' became shorter while it was copied", describe(from));
    for (ssize_t done = 0; done < count;) {
      const ssize_t written = retry([&] {
        return ::pwrite(to.get(), buffer.data() + done, static_cast<std::size_t>(count - done),
                        offset + done);
      });
      if (written < 0) return failed("write", to);
      done += written;
    }
    offset += count;
  }
  return {};
}

Result<> copy_range(const Fd& from, const Fd& to, off_t offset, off_t end, std::vector<std::byte>& buffer) {
  while (offset < end) {
    off_t source = offset;
    off_t target = offset;
    const auto wanted = static_cast<std::size_t>(std::min<off_t>(end - offset, 1 << 30));
    const ssize_t count =
        retry([&] { return ::copy_file_range(from.get(), &source, to.get(), &target, wanted, 0); });
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG)) {
      return failed("write", to);
    }
    // Any other refusal (other file systems, special files, old kernels), and the 0 that some file systems
    // answer for data they do have: read and write decide.
    if (count <= 0) return copy_by_hand(from, to, offset, end, buffer);
    offset += count;
  }
  return {};
}

}  // namespace

std::unexpected<Error> failed(std::string_view verb, const Fd& fd) {
  const int code = errno;
  return std::unexpected(Error::from_errno(code, fmt::format("cannot {} '{}'", verb, describe(fd))));
}

Result<std::size_t> read_some(const Fd& fd, std::span<std::byte> buffer) {
  const ssize_t count = retry([&] { return ::read(fd.get(), buffer.data(), buffer.size()); });
  if (count < 0) return failed("read", fd);
  return static_cast<std::size_t>(count);
}

Result<> read_full(const Fd& fd, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    const std::size_t count = TRY(read_some(fd, buffer));
    if (count == 0)
      return fail(ErrorKind::invalid, "'{}' ends {} bytes too early", describe(fd), buffer.size());
    buffer = buffer.subspan(count);
  }
  return {};
}

Result<> write_full(const Fd& fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = retry([&] { return ::write(fd.get(), bytes.data(), bytes.size()); });
    if (count < 0) return failed("write", fd);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<> write_full(const Fd& fd, std::string_view bytes) {
  return write_full(fd, std::as_bytes(std::span(bytes)));
}

Result<> empty_file(const Fd& fd) {
  if (::ftruncate(fd.get(), 0) != 0 || ::lseek(fd.get(), 0, SEEK_SET) != 0) return failed("truncate", fd);
  return {};
}

Result<std::string> read_fd(const Fd& fd, std::uint64_t limit) {
  std::string bytes;
  std::size_t block = 4096;
  struct stat status;
  // One byte more than the size, so that the end is seen by the first short read. Files of /proc say 0.
  if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
    block = static_cast<std::size_t>(
        std::min<std::uint64_t>({static_cast<std::uint64_t>(status.st_size), limit, 16u << 20}) + 1);
  }
  for (;;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + block);
    const std::size_t count = TRY(read_some(fd, std::as_writable_bytes(std::span(bytes).subspan(size))));
    bytes.resize(size + count);
    if (bytes.size() > limit) {
      return fail(ErrorKind::limit, "'{}' has more than {} bytes", describe(fd), limit);
    }
    if (count == 0) return bytes;
    block = std::clamp<std::size_t>(bytes.size(), 4096, 1u << 20);
  }
}

Result<std::string> read_file(const std::string& path, std::uint64_t limit) {
  return read_fd(TRY(open(path, O_RDONLY)), limit);
}

Result<> copy_file_data(const Fd& from, const Fd& to, std::uint64_t size) {
  const struct stat source = TRY(stat_fd(from));
  const auto end = static_cast<off_t>(size);
  if (S_ISREG(source.st_mode) && source.st_size < end) {
    return fail(ErrorKind::invalid, "'{}' has {} bytes instead of {}", describe(from), source.st_size, size);
  }
  // Empty first: whatever is not written is a hole, and nothing older shows through. A new file is left
  // alone: ext4 writes one that was truncated to nothing to the disk as soon as it is closed.
  if (TRY(stat_fd(to)).st_size > 0 && ::ftruncate(to.get(), 0) != 0) return failed("truncate", to);
  if (size > 0 && ::ioctl(to.get(), FICLONE, from.get()) == 0) {
    const struct stat clone = TRY(stat_fd(to));
    if (clone.st_size < end) {
      return fail(ErrorKind::invalid, "'{}' became shorter while it was copied", describe(from));
    }
    if (clone.st_size > end && ::ftruncate(to.get(), end) != 0) return failed("truncate", to);
    return {};
  }
  std::vector<std::byte> buffer;
  // Most files are small and have no holes: nothing is asked about those.
  constexpr off_t k_small = 64 * 1024;
  if (S_ISREG(source.st_mode) && end <= k_small && source.st_blocks * 512 >= source.st_size)
    return copy_by_hand(from, to, 0, end, buffer);
  if (::ftruncate(to.get(), end) != 0) return failed("truncate", to);
  for (off_t offset = 0; offset < end;) {
    const off_t data = ::lseek(from.get(), offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // a hole to the end
    // A file system that does not know its holes has none; devices answer any seek with 0.
    if (data < offset) return copy_range(from, to, offset, end, buffer);
    if (data >= end) break;
    const off_t hole = ::lseek(from.get(), data, SEEK_HOLE);
    const off_t stop = hole <= data ? end : std::min(hole, end);
    TRY(copy_range(from, to, data, stop, buffer));
    offset = stop;
  }
  return {};
}

Result<> fsync(const Fd& fd) {
  if (retry([&] { return ::fsync(fd.get()); }) != 0) return failed("sync", fd);
  return {};
}

Result<> syncfs(const Fd& fd) {
  if (retry([&] { return ::syncfs(fd.get()); }) != 0) return failed("sync the file system of", fd);
  return {};
}

}  // namespace ecrin::posix
