#include "run/container_processes.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/pidfd.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/cgroup/cgroup_container.hpp"
#include "run/process_stat.hpp"

namespace ecrin::run {
namespace {

// For a process that got SIGKILL.
constexpr std::chrono::milliseconds k_kill_patience{2'000};
constexpr std::chrono::milliseconds k_end_patience{10'000};

std::uint64_t pid_namespace_of(const std::string& process) {
  struct stat status {};
  const std::string path = "/proc/" + process + "/ns/pid";
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

Result<std::vector<Relative>> all_processes() {
  const Fd proc = TRY(posix::open("/proc", O_RDONLY | O_DIRECTORY));
  std::vector<Relative> all;
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(proc))) {
    const auto pid = parse_unsigned(entry.name, 1u << 30);
    if (!pid) continue;
    const auto stat = read_process_stat(static_cast<pid_t>(*pid));
    if (!stat || stat->has_ended()) continue;
    all.push_back({.pid = static_cast<pid_t>(*pid),
                   .parent = stat->parent,
                   .pid_namespace = pid_namespace_of(entry.name)});
  }
  return all;
}

Error not_running() {
  return Error(ErrorKind::conflict, "container not running");
}

Result<> signal_process(const Fd& process, int number) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), number, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return std::unexpected(not_running());
  return fail_errno("cannot send signal {} to the container", number);
}

bool wait_for_end(const Fd& process, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  struct pollfd watched = {.fd = process.get(), .events = POLLIN, .revents = 0};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    const int ready = ::poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace

std::vector<pid_t> family_of(pid_t first, std::uint64_t pid_namespace, std::vector<Relative> processes) {
  std::set<pid_t> members = {first};
  bool more = true;
  while (more) {
    more = false;
    for (const Relative& process : processes) {
      const bool inside = pid_namespace != 0 && process.pid_namespace == pid_namespace;
      if ((inside || members.contains(process.parent)) && members.insert(process.pid).second) more = true;
    }
  }
  const auto exists = [&processes](pid_t pid) {
    return std::ranges::find(processes, pid, &Relative::pid) != processes.end();
  };
  std::vector<pid_t> sorted;
  for (const pid_t pid : members)
    if (exists(pid)) sorted.push_back(pid);
  return sorted;
}

Result<std::vector<pid_t>> container_processes(const ContainerRecord& record) {
  const ContainerCgroup cgroup(record.cgroup);
  if (cgroup.exists()) return cgroup.pids();
  if (!is_alive(record.process)) return std::vector<pid_t>();
  const std::uint64_t own = pid_namespace_of("self");
  const std::uint64_t its = pid_namespace_of(std::to_string(record.process.pid));
  return family_of(record.process.pid, its == own || !record.own_pid_namespace ? 0 : its,
                   TRY(all_processes()));
}

Result<Fd> open_first_process(const ContainerRecord& record) {
  if (record.process.pid <= 0) return std::unexpected(not_running());
  auto process = posix::open_pidfd(record.process.pid);
  if (!process && process.error().code() != ESRCH) return process;
  if (!process || !is_alive(record.process)) return std::unexpected(not_running());
  return process;
}

Result<> signal_first_process(const ContainerRecord& record, int number) {
  const Fd process = TRY(open_first_process(record));
  return signal_process(process, number);
}

Result<> signal_all_processes(const ContainerRecord& record, int number) {
  const ContainerCgroup cgroup(record.cgroup);
  if (cgroup.exists()) return cgroup.signal(number);
  for (const pid_t pid : TRY(container_processes(record)))
    if (::kill(pid, number) != 0 && errno != ESRCH)
      return fail_errno("cannot send signal {} to process {}", number, pid);
  return {};
}

Result<> kill_first_process(const ContainerRecord& record) {
  const Fd process = TRY(open_first_process(record));
  TRY(signal_process(process, SIGKILL));
  (void)wait_for_end(process, k_kill_patience);
  return {};
}

Result<> kill_container(const ContainerRecord& record) {
  const auto first = open_first_process(record);
  if (!first && first.error().kind() != ErrorKind::conflict) return std::unexpected(first.error());
  const ContainerCgroup cgroup(record.cgroup);
  // With the first process of a pid namespace all others in it end.
  if (!record.own_pid_namespace || cgroup.exists()) {
    const auto signalled = signal_all_processes(record, SIGKILL);
    // A cgroup that is gone holds no processes.
    if (!signalled && signalled.error().kind() != ErrorKind::not_found)
      return std::unexpected(signalled.error());
  }
  if (!first) return {};
  const auto sent = signal_process(*first, SIGKILL);
  if (!sent && sent.error().kind() != ErrorKind::conflict) return std::unexpected(sent.error());
  if (wait_for_end(*first, k_kill_patience)) return {};
  // Somebody may have moved it into a freezer that is not the container's.
  cgroup.take_back(record.process.pid);
  if (wait_for_end(*first, k_end_patience)) return {};
  return fail(ErrorKind::limit, "process {} of the container was killed and does not end",
              record.process.pid);
}

}  // namespace ecrin::run
