#include "base/pidfd.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace ecrin::posix {

Result<Fd> open_pidfd(pid_t pid) {
  Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return fail_errno("cannot open the process {}", pid);
  return process;
}

}  // namespace ecrin::posix
