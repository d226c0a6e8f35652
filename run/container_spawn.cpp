#include "run/container_spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/shared_clone.hpp"
#include "run/plan/refusal.hpp"

namespace ecrin::run {
namespace {

enum class Failed { nothing, cgroup, descriptors, network, exec };

struct Context {
  const SpawnRequest* request;
  Failed failed = Failed::nothing;  // written by the child: until its exec it shares our memory
  int code = 0;
};

bool joins_cgroups(const SpawnRequest& request) {
  return request.cgroups && !request.cgroups->empty();
}

// Runs in the new process but in our memory (shared_clone.hpp): nothing but system calls may be used here.
int enter_stage(void* argument) {
  Context& context = *static_cast<Context*>(argument);
  const SpawnRequest& request = *context.request;
  const auto stop = [&](Failed failed) {
    context.failed = failed;
    context.code = errno;
    ::_exit(127);
  };
  if (joins_cgroups(request)) {
    // "0" is who writes. A cgroup namespace begins where its maker stands, so it is made after the move.
    for (const Fd& processes : *request.cgroups)
      if (::write(processes.get(), "0", 1) != 1) stop(Failed::cgroup);
    if ((request.namespaces & CLONE_NEWCGROUP) && ::unshare(CLONE_NEWCGROUP) != 0) stop(Failed::cgroup);
  }
  if (request.network_namespace && ::setns(request.network_namespace->get(), CLONE_NEWNET) != 0)
    stop(Failed::network);
  for (const auto& [from, to] : request.moved)
    if (::dup2(from, to) < 0) stop(Failed::descriptors);
  for (const int number : request.kept)
    if (::fcntl(number, F_SETFD, 0) != 0) stop(Failed::descriptors);
  // What the container's processes see of pid 1. The environment is empty: nothing of the user's is in there.
  char name[] = "ecrin-init";
  char* arguments[] = {name, nullptr};
  char* environment[] = {nullptr};
  ::syscall(SYS_execveat, request.program->get(), "", arguments, environment, AT_EMPTY_PATH);
  stop(Failed::exec);
  return 127;
}

Error describe(const Context& context) {
  switch (context.failed) {
    case Failed::cgroup:
      return Error::from_errno(context.code, "cannot enter the cgroup of the container");
    case Failed::network:
      return Error::from_errno(context.code, "cannot enter the network namespace of the container");
    case Failed::exec: {
      return explain_memory_file_refusal(context.code).context("starting the first process of the container");
    }
    default:
      return Error::from_errno(context.code, "cannot pass descriptors to the container");
  }
}

Error describe_clone(int code) {
  auto error = Error::from_errno(code, "cannot make the namespaces of a container");
  if (code == ENOSPC)
    return std::move(error).hint("a limit of namespaces is reached: see the sysctls user.max_*_namespaces");
  if (code == EPERM)
    return std::move(error).hint("a filter or the capabilities forbid it: " +
                                 outer_container_fix(find_outer_container(), OuterNeed::user_namespaces));
  return error;
}

}  // namespace

Result<Child> spawn_in_namespaces(const SpawnRequest& request) {
  Context context{.request = &request};
  int pidfd = -1;
  const std::uint64_t later = joins_cgroups(request) ? CLONE_NEWCGROUP : 0;
  const pid_t pid = shared_clone(enter_stage, &context,
                                 static_cast<int>(request.namespaces & ~later) | CLONE_PIDFD, &pidfd);
  if (pid < 0) return std::unexpected(describe_clone(errno));
  Child child = Child::adopt(pid, Fd(pidfd));
  if (context.failed != Failed::nothing) return std::unexpected(describe(context));
  return child;
}

}  // namespace ecrin::run
