#include "build/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>

namespace ecrin::build {

namespace {

struct Graph {
  explicit Graph(std::vector<Task> all)
      : tasks(std::move(all)), waiting_for(tasks.size()), followers(tasks.size()) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const std::set<std::size_t> after(tasks[i].after.begin(), tasks[i].after.end());
      waiting_for[i] = after.size();
      for (const std::size_t predecessor : after) followers[predecessor].push_back(i);
      if (after.empty()) ready.insert(i);
    }
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return !ready.empty() || running == 0 || failure; });
      if (failure || ready.empty()) break;
      const std::size_t task = *ready.begin();  // the earliest first: what people wrote first
      ready.erase(ready.begin());
      ++running;
      lock.unlock();
      auto result = tasks[task].run(stop);
      lock.lock();
      --running;
      if (result) {
        for (const std::size_t follower : followers[task]) {
          if (--waiting_for[follower] == 0) ready.insert(follower);
        }
      } else {
        // A task that stopped because another failed says "cancelled": that one is not the cause.
        if (!failure || failure->kind() == ErrorKind::cancelled) failure = std::move(result).error();
        stop.cancel();
      }
      changed.notify_all();
    }
    --workers;
    changed.notify_all();
  }

  std::vector<Task> tasks;
  std::vector<std::size_t> waiting_for;
  std::vector<std::vector<std::size_t>> followers;
  std::set<std::size_t> ready;
  std::size_t running = 0;
  std::size_t workers = 0;
  std::optional<Error> failure;
  CancelToken stop;
  std::mutex mutex;
  std::condition_variable changed;
};

}  // namespace

Result<> run_tasks(std::vector<Task> tasks, ThreadPool& pool, unsigned jobs, const CancelToken& cancel) {
  if (tasks.empty()) return cancel.check();
  Graph graph(std::move(tasks));
  graph.workers = std::min<std::size_t>(std::max(1u, jobs), graph.tasks.size());
  std::vector<std::future<void>> ends;
  for (std::size_t i = graph.workers; i > 0; --i) ends.push_back(pool.submit([&graph] { graph.work(); }));
  {
    std::unique_lock lock(graph.mutex);
    while (graph.workers > 0) {
      // The user's token is set by a signal handler, which can wake nobody.
      graph.changed.wait_for(lock, std::chrono::milliseconds(50));
      if (cancel.cancelled() && !graph.stop.cancelled()) {
        graph.stop.cancel();
        if (!graph.failure) graph.failure = cancel.check().error();
        graph.changed.notify_all();
      }
    }
  }
  for (const auto& end : ends) end.wait();
  if (graph.failure) return std::unexpected(std::move(*graph.failure));
  return {};
}

}  // namespace ecrin::build
