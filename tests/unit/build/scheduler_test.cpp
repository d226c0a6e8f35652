#include "build/scheduler.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;
using namespace std::chrono_literals;

namespace {

Result<> run(std::vector<Task> tasks, unsigned jobs, const CancelToken& cancel) {
  ThreadPool pool(jobs);
  return run_tasks(std::move(tasks), pool, jobs, cancel);
}

}  // namespace

TEST_CASE("a task runs after those it waits for") {
  std::mutex mutex;
  std::vector<int> order;
  const auto note = [&](int number) {
    return [&, number](const CancelToken&) -> Result<> {
      const std::scoped_lock lock(mutex);
      order.push_back(number);
      return {};
    };
  };
  const CancelToken cancel;
  REQUIRE(run({{{}, note(0)}, {{0}, note(1)}, {{0, 0}, note(2)}, {{1, 2}, note(3)}}, 4, cancel));
  REQUIRE(order.size() == 4);
  CHECK(order.front() == 0);
  CHECK(order.back() == 3);
}

TEST_CASE("one job keeps the written order") {
  std::vector<std::size_t> order;
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < 20; ++i) {
    tasks.push_back({{}, [&order, i](const CancelToken&) -> Result<> {
                       order.push_back(i);
                       return {};
                     }});
  }
  const CancelToken cancel;
  REQUIRE(run(std::move(tasks), 1, cancel));
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("independent tasks run at once, and no more of them than jobs") {
  std::atomic<int> running = 0, most = 0;
  std::vector<Task> tasks;
  for (int i = 0; i < 6; ++i) {
    tasks.push_back({{}, [&](const CancelToken&) -> Result<> {
                       const int now = ++running;
                       int seen = most;
                       while (seen < now && !most.compare_exchange_weak(seen, now)) {
                       }
                       std::this_thread::sleep_for(30ms);
                       --running;
                       return {};
                     }});
  }
  const CancelToken cancel;
  REQUIRE(run(std::move(tasks), 3, cancel));
  CHECK(most == 3);
}

TEST_CASE("a failure stops the others and is what is reported") {
  std::atomic<bool> ran_later = false;
  const Task slow{{}, [](const CancelToken& stop) -> Result<> {
                    for (int i = 0; i < 500; ++i) {
                      TRY(stop.check());
                      std::this_thread::sleep_for(10ms);
                    }
                    return {};
                  }};
  const Task bad{{}, [](const CancelToken&) -> Result<> {
                   std::this_thread::sleep_for(20ms);
                   return fail(ErrorKind::system, "broken");
                 }};
  const Task later{{1}, [&](const CancelToken&) -> Result<> {
                     ran_later = true;
                     return {};
                   }};
  const CancelToken cancel;
  const auto start = std::chrono::steady_clock::now();
  const auto result = run({slow, bad, later}, 2, cancel);
  REQUIRE_FALSE(result);
  CHECK(result.error().message() == "broken");
  CHECK_FALSE(ran_later);
  CHECK(std::chrono::steady_clock::now() - start < 3s);
}

TEST_CASE("the user's wish to stop reaches running tasks") {
  CancelToken cancel;
  const Task waits{{}, [](const CancelToken& stop) -> Result<> {
                     for (int i = 0; i < 500; ++i) {
                       TRY(stop.check());
                       std::this_thread::sleep_for(10ms);
                     }
                     return {};
                   }};
  std::thread user([&] {
    std::this_thread::sleep_for(30ms);
    cancel.cancel();
  });
  const auto result = run({waits, {{0}, waits.run}}, 2, cancel);
  user.join();
  REQUIRE_FALSE(result);
  CHECK(result.error().kind() == ErrorKind::cancelled);
}
