// FileLock: flock(2) on an open file, released when it goes out of scope or the process dies.
#pragma once

#include <optional>
#include <string>

#include "base/cancel.hpp"
#include "base/fd.hpp"

namespace ecrin {

class FileLock {
public:
  enum class Mode { shared, exclusive };
  FileLock() = default;
  /// Waits for the lock.
  static Result<FileLock> acquire(Fd file, Mode mode);
  /// Empty when somebody else holds it.
  static Result<std::optional<FileLock>> acquire_now(Fd file, Mode mode);
  /// The exclusive lock on `name` in `directory`, which is made with `permissions` when it is missing. Waits,
  /// until `cancel`. A file that was removed or moved meanwhile by whoever had the lock does not count.
  static Result<FileLock> acquire_named(const Fd& directory, const std::string& name, mode_t permissions,
                                        const CancelToken* cancel);
  /// The same without waiting: empty when somebody else holds it.
  static Result<std::optional<FileLock>> acquire_named_now(const Fd& directory, const std::string& name,
                                                           mode_t permissions);
  /// The exclusive lock on a file that must exist, without waiting: empty when somebody else holds it, and
  /// when there is no such file (any more).
  static Result<std::optional<FileLock>> acquire_existing_now(const Fd& directory, const std::string& name);
  const Fd& file() const { return m_file; }

private:
  explicit FileLock(Fd file) : m_file(std::move(file)) {}
  Fd m_file;
};

}  // namespace ecrin
