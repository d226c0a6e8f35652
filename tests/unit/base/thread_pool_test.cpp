#include "base/thread_pool.hpp"

#include <atomic>
#include <set>
#include <stdexcept>

#include "tests/support/catch.hpp"

using namespace ecrin;

TEST_CASE("thread pool: results travel through futures") {
  ThreadPool pool(4);
  std::vector<std::future<int>> futures;
  for (int i = 0; i < 200; ++i) futures.push_back(pool.submit([i] { return i * i; }));
  for (int i = 0; i < 200; ++i) CHECK(futures[static_cast<std::size_t>(i)].get() == i * i);
}

TEST_CASE("thread pool: the destructor runs what is queued") {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(1);
    for (int i = 0; i < 50; ++i) {
      (void)pool.submit([&done] {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        ++done;
      });
    }
  }
  CHECK(done == 50);
}

TEST_CASE("thread pool: the workers work at the same time") {
  ThreadPool pool(3);
  // Each task waits for all three: with fewer threads this would never end.
  std::atomic<int> arrived = 0;
  std::vector<std::future<bool>> futures;
  for (int i = 0; i < 3; ++i) {
    futures.push_back(pool.submit([&arrived] {
      ++arrived;
      for (int tries = 0; tries < 5000 && arrived < 3; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      return arrived == 3;
    }));
  }
  for (auto& future : futures) CHECK(future.get());
}

TEST_CASE("thread pool: no threads are one, an exception stays in its future, tasks may be move-only") {
  ThreadPool pool(0);
  auto broken = pool.submit([]() -> int { throw std::runtime_error("broken"); });
  CHECK_THROWS_AS(broken.get(), std::runtime_error);
  auto owned = std::make_unique<int>(5);
  CHECK(pool.submit([owned = std::move(owned)] { return *owned; }).get() == 5);
}
