#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.hpp"
#include "run/cgroup/cgroup_container_parts.hpp"
#include "run/cgroup/cgroup_facts.hpp"
#include "run/cgroup/cgroup_files.hpp"
#include "run/cgroup/systemd_scope.hpp"

namespace ecrin::run {

Result<Child> start_keeper() {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot make a process");
  if (pid > 0) return Child::adopt(pid, Fd());
  // Only system calls: we may have threads.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  ::syscall(SYS_close_range, 0U, ~0U, 0U);
  for (;;) ::pause();
}

Result<> come_within_reach(const CgroupState& state, const std::string& directory) {
  if (state.bus.empty()) return {};
  const CgroupFacts facts = read_cgroup_facts();
  if (can_move_processes(facts.directory, directory)) return {};
  return enter_systemd_scope({state.bus});
}

void forget_unit(const CgroupState& state) {
  if (state.unit.empty()) return;
  // The manager may be gone, with the login of its user; then the unit is gone too.
  if (const auto stopped = stop_unit(state.bus, state.unit); !stopped)
    log::debug("{}", stopped.error().message());
}

}  // namespace ecrin::run
