#include "base/file_lock.hpp"

#include <sys/file.h>

#include <chrono>
#include <thread>

#include "base/posix.hpp"

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

constexpr std::chrono::milliseconds k_look_again{30};
constexpr std::chrono::seconds k_long{1};  // enough to wonder what it waits for
constexpr mode_t k_named_permissions = 0600;

enum class Named { yes, no };

// Is the open file still what its name leads to?
Result<Named> is_named(const Fd& directory, const std::string& name, const Fd& file) {
  const auto named = posix::lstat_at(directory, name);
  if (!named && named.error().kind() == ErrorKind::not_found) return Named::no;
  if (!named) return std::unexpected(named.error());
  const struct stat open = TRY(posix::stat_fd(file));
  return named->st_dev == open.st_dev && named->st_ino == open.st_ino ? Named::yes : Named::no;
}

}  // namespace

Result<FileLock> FileLock::acquire_named(const Fd& directory, const std::string& name, mode_t permissions,
                                         const CancelToken* cancel, const std::function<void()>& waits) {
  const auto start = std::chrono::steady_clock::now();
  bool told = !waits;
  for (;;) {
    if (cancel) TRY(cancel->check());
    if (auto lock = TRY(acquire_named_now(directory, name, permissions))) return std::move(*lock);
    if (!told && std::chrono::steady_clock::now() - start > k_long) {
      told = true;
      waits();
    }
    // flock(2) cannot be told to stop waiting when the user wants to.
    std::this_thread::sleep_for(k_look_again);
  }
}

Result<std::optional<FileLock>> FileLock::acquire_named_now(const Fd& directory, const std::string& name,
                                                            mode_t permissions) {
  for (;;) {
    Fd file = TRY(posix::open_at(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, permissions));
    auto lock = TRY(acquire_now(std::move(file), Mode::exclusive));
    if (!lock || TRY(is_named(directory, name, lock->file())) == Named::yes) return lock;
  }
}

Result<std::optional<FileLock>> FileLock::acquire_existing_now(const Fd& directory, const std::string& name) {
  auto file = posix::open_at(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  if (!file && file.error().kind() == ErrorKind::not_found) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  auto lock = TRY(acquire_now(std::move(*file), Mode::exclusive));
  if (lock && TRY(is_named(directory, name, lock->file())) == Named::no) return std::nullopt;
  return lock;
}

Result<FileLock> FileLock::acquire(Fd file, Mode mode) {
  if (lock_file(file, operation(mode)) != 0) return fail_errno("cannot lock a file");
  return FileLock(std::move(file));
}

Result<std::optional<FileLock>> FileLock::acquire_now(Fd file, Mode mode) {
  if (lock_file(file, operation(mode) | LOCK_NB) == 0) return FileLock(std::move(file));
  if (errno == EWOULDBLOCK) return std::nullopt;
  return fail_errno("cannot lock a file");
}

Result<NamedLock> NamedLock::acquire(Fd directory, std::string name, const CancelToken* cancel,
                                     const std::function<void()>& waits) {
  FileLock lock = TRY(FileLock::acquire_named(directory, name, k_named_permissions, cancel, waits));
  return NamedLock(std::move(directory), std::move(name), std::move(lock));
}

Result<std::optional<NamedLock>> NamedLock::acquire_now(Fd directory, std::string name) {
  auto lock = TRY(FileLock::acquire_named_now(directory, name, k_named_permissions));
  if (!lock) return std::nullopt;
  return NamedLock(std::move(directory), std::move(name), *std::move(lock));
}

NamedLock::~NamedLock() {
  if (m_directory) (void)posix::unlink_at(m_directory, m_name);
}

}  // namespace ecrin
