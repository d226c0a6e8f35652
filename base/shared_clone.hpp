// A process that is about to execute a program, made without a copy of this one (clone(2), CLONE_VM and
// CLONE_VFORK): a fork copies the tables of all pages, and each page that is touched after it.
#pragma once

#include <sys/types.h>

namespace ecrin {

/// Runs `child(argument)` in a new process that shares this one's memory; the calling thread waits until it
/// has executed a program or ended. All signals are blocked in it. It may only make system calls: another
/// thread may hold any lock. `flags`: namespaces, CLONE_PIDFD (then into `pidfd`). -1 with errno.
pid_t shared_clone(int (*child)(void*), void* argument, int flags = 0, int* pidfd = nullptr);

}  // namespace ecrin
