// What happens at a system call of the program that is linked with these files (ecrin-faults): it is counted,
// and the chosen one fails or kills. All processes and threads of a command count together, in a file that
// they map. Environment:
//
//   ECRIN_FAULT_COUNTS=FILE     where counts and trace are kept; it makes the rest work. Only calls on the
//   file
//                               system of FILE count, so that pipes, sockets, /proc and memory files do not.
//   ECRIN_FAULT=KIND:N:WHAT     WHAT happens at the N-th call of a kind: `kill` kills the process, `end` its
//                               process group, an errno (ENOSPC) is the call's result. N+ = and at all later.
//   ECRIN_FAULT_TRACE=1         what a power cut could take is written down behind the counts
//   ECRIN_FAULT_SHADOW=DIR      the database's files are copied there whenever they are synced
//   ECRIN_FAULT_BOOT_ID=FILE    is read in place of /proc/sys/kernel/random/boot_id
#pragma once

#include <sys/types.h>

namespace ecrin::faults {

/// `change` counts all that changes the file system. Of these, `space` are the ones for which a full disk can
/// be the answer. `read` is what a broken disk refuses.
enum class Kind { space, change, read };

/// A call on this descriptor, or on this name. True: the call is to fail, errno is set.
bool refuses(Kind kind, int fd);
bool refuses_name(Kind kind, int dir, const char* path);

/// For the trace, after the call: bytes of a file changed, a name came into a directory, a file or directory
/// was synced, or a whole file system.
void note_written(int fd);
void note_name(int dir, const char* path);
void note_synced(int fd);
void before_syncfs(int fd);
void after_syncfs(int fd);

/// The path to open in place of this one.
const char* opened_path(const char* path);

/// The call itself.
long real_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

}  // namespace ecrin::faults
