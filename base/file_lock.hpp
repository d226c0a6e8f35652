// FileLock: flock(2) on an open file, released when it goes out of scope or the process dies. NamedLock: one
// on a file that is there only for the lock.
#pragma once

#include <functional>
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
  /// `waits` is called when it takes long, once.
  static Result<FileLock> acquire_named(const Fd& directory, const std::string& name, mode_t permissions,
                                        const CancelToken* cancel, const std::function<void()>& waits = {});
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

/// The exclusive lock that a name in a directory stands for. Whoever has it takes its file away at the end,
/// while it is still locked: those who wait see that theirs is not the one of this name any more.
class NamedLock {
public:
  static Result<NamedLock> acquire(Fd directory, std::string name, const CancelToken* cancel,
                                   const std::function<void()>& waits = {});
  /// Empty when somebody else holds it.
  static Result<std::optional<NamedLock>> acquire_now(Fd directory, std::string name);
  NamedLock(NamedLock&&) noexcept = default;
  NamedLock& operator=(NamedLock&&) = delete;
  ~NamedLock();

private:
  NamedLock(Fd directory, std::string name, FileLock lock)
      : m_directory(std::move(directory)), m_name(std::move(name)), m_lock(std::move(lock)) {}
  Fd m_directory;
  std::string m_name;
  FileLock m_lock;
};

}  // namespace ecrin
