#include "base/shared_clone.hpp"

#include <sched.h>
#include <signal.h>

#include <array>
#include <cerrno>

namespace ecrin {

pid_t shared_clone(int (*child)(void*), void* argument, int flags, int* pidfd) {
  constexpr std::size_t k_stack_size = 64 * 1024;
  alignas(16) std::array<char, k_stack_size> stack;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid =
      ::clone(child, stack.data() + stack.size(), flags | CLONE_VM | CLONE_VFORK | SIGCHLD, argument, pidfd);
  const int code = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = code;
  return pid;
}

}  // namespace ecrin
