// Scheduler: runs the tasks of a graph whose predecessors are done, at most so many at once. Knows nothing of
// what they do. The first failure stops what has not begun and asks the others to stop.
#pragma once

#include <functional>
#include <vector>

#include "base/cancel.hpp"
#include "base/thread_pool.hpp"

namespace ecrin::build {

struct Task {
  std::vector<std::size_t> after;  // positions in the list of tasks, each smaller than this one's
  std::function<Result<>(const CancelToken& stop)> run;
};

/// Returns the first failure that is not a mere consequence of another. `cancel` stops everything: running
/// tasks see it through the token they are given. At most `jobs` tasks run at once, on the threads of `pool`:
/// a program that a task starts and leaves running for others ends with them (Command::die_with_parent).
Result<> run_tasks(std::vector<Task> tasks, ThreadPool& pool, unsigned jobs, const CancelToken& cancel);

}  // namespace ecrin::build
