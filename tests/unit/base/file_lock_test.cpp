#include "base/file_lock.hpp"

#include <future>

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;

namespace {

Fd open_lock(const test::TempDirectory& directory) {
  return posix::open_at(directory.fd(), "lock", O_RDWR | O_CREAT, 0600).value();
}

}  // namespace

TEST_CASE("file lock: an exclusive one excludes all others until it goes") {
  const test::TempDirectory directory;
  {
    const FileLock lock = FileLock::acquire(open_lock(directory), FileLock::Mode::exclusive).value();
    CHECK(!FileLock::acquire_now(open_lock(directory), FileLock::Mode::exclusive).value());
    CHECK(!FileLock::acquire_now(open_lock(directory), FileLock::Mode::shared).value());
  }
  CHECK(FileLock::acquire_now(open_lock(directory), FileLock::Mode::exclusive).value());
}

TEST_CASE("file lock: shared ones go together") {
  const test::TempDirectory directory;
  const FileLock first = FileLock::acquire(open_lock(directory), FileLock::Mode::shared).value();
  const auto second = FileLock::acquire_now(open_lock(directory), FileLock::Mode::shared).value();
  CHECK(second);
  CHECK(!FileLock::acquire_now(open_lock(directory), FileLock::Mode::exclusive).value());
}

TEST_CASE("file lock: acquire waits") {
  const test::TempDirectory directory;
  std::optional<FileLock> lock = FileLock::acquire(open_lock(directory), FileLock::Mode::exclusive).value();
  auto waiting = std::async(std::launch::async, [&] {
    return FileLock::acquire(open_lock(directory), FileLock::Mode::exclusive).has_value();
  });
  CHECK(waiting.wait_for(std::chrono::milliseconds(30)) == std::future_status::timeout);
  lock.reset();
  CHECK(waiting.get());
}

TEST_CASE("file lock: no file is an error") {
  CHECK(!FileLock::acquire(Fd(), FileLock::Mode::shared));
  CHECK(!FileLock::acquire_now(Fd(), FileLock::Mode::shared));
}
