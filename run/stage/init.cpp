// Pid 1 of the container: it has to be there so that somebody reaps orphans and so that signals with default
// actions reach the program (the kernel shields pid 1 from them). It does nothing else and can do nothing
// else.
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/posix.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

constexpr int k_killed = 128 + SIGKILL;

// Some may be none.
void keep_only(std::vector<int> kept) {
  std::erase(kept, -1);
  std::ranges::sort(kept);
  unsigned next = 0;
  for (const int number : kept) {
    const auto open = static_cast<unsigned>(number);
    if (open > next) ::close_range(next, open - 1, 0);
    next = open + 1;
  }
  ::close_range(next, ~0U, 0);
}

// The kernel ends a pid namespace with its first process. Without one this process has become the parent of
// all that lost theirs, and ends them itself. `children` is the file of this name in /proc.
void end_children(const Fd& children) {
  if (!children) return;
  for (;;) {
    std::array<char, 4096> text{};
    const ssize_t size = ::pread(children.get(), text.data(), text.size() - 1, 0);
    if (size <= 0) return;
    for (char* next = text.data(); *next != 0;) {
      char* end = next;
      const long pid = std::strtol(next, &end, 10);
      if (end == next) break;
      if (pid > 0 && (*end == ' ' || *end == 0)) ::kill(static_cast<pid_t>(pid), SIGKILL);
      next = end;
    }
    // Their children come to us before this returns.
    if (::waitpid(-1, nullptr, 0) < 0 && errno != EINTR) return;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

// The status of the program if it was among those that ended.
std::optional<int> reap(pid_t program) {
  std::optional<int> result;
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == program) result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

[[noreturn]] void supervise(const Stage& stage, pid_t program, const Fd& signals, const Fd& children) {
  std::array<pollfd, 2> waiting = {
      pollfd{.fd = signals.get(), .events = POLLIN, .revents = 0},
      pollfd{.fd = stage.lifeline.get(), .events = POLLIN, .revents = 0}};  // -1 is passed over
  for (;;) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) ::_exit(k_killed);
    if (waiting[1].revents != 0) {
      // The parent is gone. The kernel kills a pid namespace with its pid 1; without one only the program is
      // known.
      ::kill(program, SIGKILL);
      end_children(children);
      ::_exit(k_killed);
    }
    signalfd_siginfo signal{};
    if (!(waiting[0].revents & POLLIN) || ::read(signals.get(), &signal, sizeof signal) != sizeof signal)
      continue;
    if (signal.ssi_signo != SIGCHLD) {
      ::kill(program, static_cast<int>(signal.ssi_signo));
    } else if (const std::optional<int> status = reap(program)) {
      end_children(children);
      ::_exit(*status);
    }
  }
}

}  // namespace

Error run_init(Stage& stage) {
  // Blocked before the program exists, so that none of its signals is lost.
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  const Fd signals(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return Error::from_errno(errno, "cannot receive signals in pid 1 of the container");
  Fd children;
  if (!stage.plan.pid_namespace) {
    (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    // Its numbers must be those of our pid namespace.
    const std::string own = std::to_string(::getpid());
    if (stage.proc && posix::readlink_at(stage.proc, "self").value_or("") == own)
      if (auto file = posix::open_at(stage.proc, "thread-self/children", O_RDONLY))
        children = std::move(*file);
  }
  const pid_t program = ::fork();
  if (program < 0) return Error::from_errno(errno, "cannot start a process in the container");
  if (program == 0) {
    // A session of its own: "kill 0" in the program must not reach pid 1.
    ::setsid();
    return run_program(stage);
  }
  keep_only({signals.get(), stage.lifeline.get(), children.get()});
  (void)!::chdir("/");
  const CapabilitySet kill = capability_bit(CAP_KILL);
  const ThreadCapabilities only_kill{.effective = kill, .permitted = kill, .inheritable = 0};
  if (!set_capabilities(only_kill)) ::_exit(k_killed);
  // Who is frozen cannot watch the lifeline: then the kernel's own way ends it, and the namespace with it. It
  // is the end of the thread that made the container that counts there, which none comes before.
  if (stage.lifeline && stage.plan.pid_namespace) (void)::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  supervise(stage, program, signals, children);
}

}  // namespace ecrin::run::stage
