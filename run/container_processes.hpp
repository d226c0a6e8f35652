// The processes of a container that another command started: found by its cgroup, or without one by the pid
// namespace and the children of its first process.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "run/runtime_record.hpp"

namespace ecrin::run {

/// As this pid namespace numbers them, sorted. What starts or ends meanwhile may be there or not.
Result<std::vector<pid_t>> container_processes(const ContainerRecord& record);

/// The first process itself, not another one that has its number by now; one that has ended is a conflict.
Result<Fd> open_first_process(const ContainerRecord& record);
/// Sends a signal to the first process; one that has ended is a conflict.
Result<> signal_first_process(const ContainerRecord& record, int number);
/// Sends a signal to each process.
Result<> signal_all_processes(const ContainerRecord& record, int number);
/// SIGKILL, and waits a moment for the end: who deletes the container next shall find it stopped.
Result<> kill_first_process(const ContainerRecord& record);
/// SIGKILL to all that is left of it, and waits for the end of the first process.
Result<> kill_container(const ContainerRecord& record);

/// Who belongs to a container without a cgroup: its first process, and whoever descends from a member or
/// lives in the first one's pid namespace. Pure.
struct Relative {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t pid_namespace = 0;  // its inode; 0: unknown
};
std::vector<pid_t> family_of(pid_t first, std::uint64_t pid_namespace, std::vector<Relative> processes);

}  // namespace ecrin::run
