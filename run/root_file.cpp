#include "run/root_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {

Result<std::optional<std::string>> read_root_file(const Fd& rootfs, std::string_view path,
                                                  std::uint64_t limit) {
  const auto irregular = [&] {
    return fail(ErrorKind::invalid, "'{}' of the root file system is not a regular file", printable(path));
  };
  auto file = posix::open_in_root(rootfs, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) {
    if (file.error().kind() == ErrorKind::not_found || file.error().code() == ENOTDIR) return std::nullopt;
    // A socket, or a device without a driver.
    if (file.error().code() == ENXIO) return irregular();
    return std::unexpected(std::move(file).error());
  }
  const struct stat status = TRY(posix::stat_fd(*file));
  if (!S_ISREG(status.st_mode)) return irregular();
  // Before it is read: a sparse one may have a size that nobody could hold.
  if (static_cast<std::uint64_t>(status.st_size) > limit)
    return fail(ErrorKind::limit, "'{}' of the root file system has more than {}", printable(path),
                human_size(limit));
  return TRY(posix::read_fd(*file, limit));
}

}  // namespace ecrin::run
