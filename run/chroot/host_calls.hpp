// Calls of programs that have a root directory of their own and no mounts in it (chroot_plan.hpp): what they
// name below /proc and /sys, and devices, are the files of this process. All else goes on in the kernel.
//
// Not answered are execve(2) and chdir(2), which nobody can do for another process, calls that make, move and
// remove names (the kernel's own files would refuse most, and such calls are many), and calls of programs
// that this process may not look into (that changed their user and executed nothing since).
#pragma once

#include <linux/seccomp.h>

#include <optional>
#include <string>
#include <vector>

#include "run/owners/owner_calls.hpp"

namespace ecrin::run {

struct HostFiles {
  std::string root;      // the root directory of the programs, as this process sees it; "": they have mounts
  std::string hostname;  // what uname(2) says; "": the host's
};

std::vector<AnsweredCall> host_answered_calls(const HostFiles& files);
/// Nothing: it is about none of these files. `owners` answers first what is about owners: links of /proc lead
/// to files of the program's own too.
std::optional<CallAnswer> answer_host_call(const HostFiles& files, const Fd& listener,
                                           const seccomp_notif& notification, OwnerCalls* owners);

}  // namespace ecrin::run
