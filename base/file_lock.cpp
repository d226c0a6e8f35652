#include "base/file_lock.hpp"

#include <sys/file.h>

namespace ecrin {
namespace {

int operation(FileLock::Mode mode) {
  return mode == FileLock::Mode::shared ? LOCK_SH : LOCK_EX;
}

int lock_file(const Fd& file, int flags) {
  int result;
  do {
    result = ::flock(file.get(), flags);
  } while (result != 0 && errno == EINTR);
  return result;
}

}  // namespace

Result<FileLock> FileLock::acquire(Fd file, Mode mode) {
  if (lock_file(file, operation(mode)) != 0) return fail_errno("cannot lock a file");
  return FileLock(std::move(file));
}

Result<std::optional<FileLock>> FileLock::acquire_now(Fd file, Mode mode) {
  if (lock_file(file, operation(mode) | LOCK_NB) == 0) return FileLock(std::move(file));
  if (errno == EWOULDBLOCK) return std::nullopt;
  return fail_errno("cannot lock a file");
}

}  // namespace ecrin
