// Probes that change something run in a process of their own, and end with it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace ecrin::run {

/// Tells the errno it ended with; 0: it worked. Only system calls: we may have threads.
template <class Probe>
int probe_in_child(Probe probe) {
  const pid_t pid = ::fork();
  if (pid < 0) return errno;
  if (pid == 0) ::_exit(probe() ? 0 : errno);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

}  // namespace ecrin::run
