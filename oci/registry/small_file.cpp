#include "oci/registry/small_file.hpp"

#include <sys/sysmacros.h>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::oci {
namespace {

bool is_null_device(const struct stat& status) {  // named by those who want nothing to be read
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

}  // namespace

Result<std::optional<SmallFile>> read_small_file(const std::string& path, std::uint64_t limit) {
  auto fd = posix::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd && (fd.error().kind() == ErrorKind::not_found || fd.error().code() == ENOTDIR)) return std::nullopt;
  if (!fd) return std::unexpected(std::move(fd).error());
  const struct stat status = TRY(posix::stat_fd(*fd));
  if (is_null_device(status)) return SmallFile{};
  if (!S_ISREG(status.st_mode)) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("'{}' is not a regular file", printable(path)))
            .hint("a pipe, a device or a directory is not read here"));
  }
  auto text = posix::read_fd(*fd, limit);
  if (!text && text.error().kind() == ErrorKind::limit)
    return fail(ErrorKind::limit, "'{}' is too large: at most {} bytes", printable(path), limit);
  if (!text) return std::unexpected(std::move(text).error());
  return SmallFile{.text = *std::move(text), .mode = status.st_mode & 07777u};
}

}  // namespace ecrin::oci
