// ThreadPool: a fixed number of workers over one queue. Results travel through futures; the destructor runs
// what is queued and joins.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace ecrin {

class ThreadPool {
public:
  explicit ThreadPool(std::size_t threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  template <class F>
  auto submit(F task) -> std::future<std::invoke_result_t<F&>> {
    auto packaged = std::make_shared<std::packaged_task<std::invoke_result_t<F&>()>>(std::move(task));
    auto future = packaged->get_future();
    enqueue([packaged] { (*packaged)(); });
    return future;
  }

private:
  void enqueue(std::function<void()> task);
  void work();
  std::mutex m_mutex;
  std::condition_variable m_ready;
  std::deque<std::function<void()>> m_tasks;
  bool m_closing = false;
  std::vector<std::thread> m_threads;
};

}  // namespace ecrin
