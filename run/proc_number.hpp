// The number of a process in the /proc that is seen here. Where the kernel allowed no new one, a container
// has the /proc of the container around it (plan/plan_mounts.cpp), with the numbers of another pid namespace.
#pragma once

#include <sys/types.h>

namespace ecrin::run {

/// `process` may be a thread. When it is gone: its own number.
pid_t proc_number(pid_t process);

}  // namespace ecrin::run
