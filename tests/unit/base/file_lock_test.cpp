#include "base/file_lock.hpp"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

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

TEST_CASE("file lock: a named one makes the file with the permissions that were asked for") {
  const test::TempDirectory directory;
  const auto mode = [&](const char* name) {
    return posix::lstat_at(directory.fd(), name).value().st_mode & 0777;
  };
  const FileLock first = FileLock::acquire_named(directory.fd(), "a", 0600, nullptr).value();
  const auto second = FileLock::acquire_named_now(directory.fd(), "b", 0644).value();
  REQUIRE(second);
  CHECK(mode("a") == 0600);
  CHECK(mode("b") == 0644);
  CHECK(!FileLock::acquire_named_now(directory.fd(), "a", 0600).value());
}

TEST_CASE("file lock: waiting for a named one can be stopped") {
  const test::TempDirectory directory;
  const FileLock lock = FileLock::acquire_named(directory.fd(), "lock", 0600, nullptr).value();
  CancelToken cancel;
  auto waiting = std::async(std::launch::async, [&] {
    return FileLock::acquire_named(directory.fd(), "lock", 0600, &cancel).has_value();
  });
  CHECK(waiting.wait_for(std::chrono::milliseconds(30)) == std::future_status::timeout);
  cancel.cancel();
  CHECK(!waiting.get());
}

TEST_CASE("file lock: a file that its owner removed does not count for who waited for it") {
  const test::TempDirectory directory;
  std::optional<FileLock> lock = FileLock::acquire_named(directory.fd(), "lock", 0600, nullptr).value();
  auto waiting = std::async(std::launch::async, [&] {
    return FileLock::acquire_named(directory.fd(), "lock", 0600, nullptr).value();
  });
  CHECK(waiting.wait_for(std::chrono::milliseconds(30)) == std::future_status::timeout);
  posix::unlink_at(directory.fd(), "lock").value();
  lock.reset();
  const FileLock got = waiting.get();
  CHECK(posix::stat_fd(got.file()).value().st_ino == posix::lstat_at(directory.fd(), "lock").value().st_ino);
  CHECK(!FileLock::acquire_existing_now(directory.fd(), "lock").value());
}

TEST_CASE("file lock: no symlink and no missing file is locked") {
  const test::TempDirectory directory;
  posix::symlink_at("elsewhere", directory.fd(), "link").value();
  CHECK(!FileLock::acquire_named_now(directory.fd(), "link", 0600));
  CHECK(!FileLock::acquire_existing_now(directory.fd(), "missing").value());
  CHECK(posix::exists_at(directory.fd(), "missing").value() == posix::Exists::no);
}

TEST_CASE("file lock: who waits long is told once") {
  const test::TempDirectory directory;
  std::optional<FileLock> lock = FileLock::acquire_named(directory.fd(), "lock", 0600, nullptr).value();
  int told = 0;
  CHECK(FileLock::acquire_named(directory.fd(), "other", 0600, nullptr, [&] { ++told; }));
  CHECK(told == 0);
  CHECK(FileLock::acquire_named(directory.fd(), "lock", 0600, nullptr, [&] {
    ++told;
    lock.reset();
  }));
  CHECK(told == 1);
}

TEST_CASE("file lock: a named one leaves nothing behind, and only one has it at a time") {
  const test::TempDirectory directory;
  const auto open_directory = [&] { return directory.fd().duplicate().value(); };
  std::atomic<int> inside = 0, most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const auto lock = NamedLock::acquire(open_directory(), "lock", nullptr);
        if (!lock || ++inside > 1) most = 2;
        --inside;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(most == 0);
  {
    const auto lock = NamedLock::acquire_now(open_directory(), "lock");
    REQUIRE(lock);
    REQUIRE(*lock);
    CHECK_FALSE(NamedLock::acquire_now(open_directory(), "lock")->has_value());
  }
  CHECK(posix::exists_at(directory.fd(), "lock").value() == posix::Exists::no);
}
