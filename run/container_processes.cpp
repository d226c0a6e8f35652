#include "run/container_processes.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr int k_end_timeout = 10'000;  // milliseconds, for a process that got SIGKILL

std::uint64_t pid_namespace_of(const std::string& process) {
  struct stat status {};
  const std::string path = "/proc/" + process + "/ns/pid";
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

Result<std::vector<ProcessFacts>> all_processes() {
  const Fd proc = TRY(posix::open("/proc", O_RDONLY | O_DIRECTORY));
  std::vector<ProcessFacts> all;
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(proc))) {
    const auto pid = parse_unsigned(entry.name, 1u << 30);
    if (!pid) continue;
    const auto stat = posix::read_file("/proc/" + entry.name + "/stat", 4096);
    if (!stat) continue;  // it has ended
    const std::size_t name_end = stat->rfind(')');
    if (name_end == std::string::npos) continue;
    const auto fields = split(std::string_view(*stat).substr(name_end + 1), ' ');
    if (fields.size() < 3 || fields[1] == "Z") continue;
    const auto parent = parse_unsigned(fields[2], 1u << 30);
    all.push_back({.pid = static_cast<pid_t>(*pid),
                   .parent = static_cast<pid_t>(parent.value_or(0)),
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

}  // namespace

std::vector<pid_t> family_of(pid_t first, std::uint64_t pid_namespace, std::vector<ProcessFacts> processes) {
  std::set<pid_t> members = {first};
  bool more = true;
  while (more) {
    more = false;
    for (const ProcessFacts& process : processes) {
      const bool inside = pid_namespace != 0 && process.pid_namespace == pid_namespace;
      if ((inside || members.contains(process.parent)) && members.insert(process.pid).second) more = true;
    }
  }
  const auto exists = [&processes](pid_t pid) {
    return std::ranges::find(processes, pid, &ProcessFacts::pid) != processes.end();
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
  Fd process(static_cast<int>(::syscall(SYS_pidfd_open, record.process.pid, 0)));
  if (!process && errno != ESRCH) return fail_errno("cannot open the process {}", record.process.pid);
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

Result<> kill_container(const ContainerRecord& record) {
  const auto first = open_first_process(record);
  if (!first && first.error().kind() != ErrorKind::conflict) return std::unexpected(first.error());
  // With the first process of a pid namespace all others in it end.
  if (!record.own_pid_namespace || ContainerCgroup(record.cgroup).exists()) {
    const auto signalled = signal_all_processes(record, SIGKILL);
    // A cgroup that is gone holds no processes.
    if (!signalled && signalled.error().kind() != ErrorKind::not_found)
      return std::unexpected(signalled.error());
  }
  if (!first) return {};
  const auto sent = signal_process(*first, SIGKILL);
  if (!sent && sent.error().kind() != ErrorKind::conflict) return std::unexpected(sent.error());
  struct pollfd watched = {.fd = first->get(), .events = POLLIN, .revents = 0};
  int ready;
  do ready = ::poll(&watched, 1, k_end_timeout);
  while (ready < 0 && errno == EINTR);
  if (ready == 0)
    return fail(ErrorKind::limit, "process {} of the container was killed and does not end",
                record.process.pid);
  return {};
}

}  // namespace ecrin::run
