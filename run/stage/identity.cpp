// Who the program is and what it may do.
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/unix_socket.hpp"
#include "run/stage/stage.hpp"

namespace ecrin::run::stage {
namespace {

// The listener's descriptor, or 0 when none was asked for; negative with errno.
long set_filter(const std::string& filter, std::uint64_t flags) {
  // The kernel copies the program; sock_filter has no alignment beyond 4, which std::string's buffer has.
  sock_fprog program{};
  program.len = static_cast<unsigned short>(filter.size() / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(filter.data()));
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

// It comes first: of all filters on a process only one may have a listener, and the strictest answer counts.
Result<> install_owner_filter(const Stage& stage) {
  const std::string& filter = stage.plan.process.owner_filter;
  if (filter.empty()) return {};
  constexpr std::uint64_t k_wait_killable = 1u << 5;  // Linux 5.19: a signal does not make a call come twice
  constexpr std::uint64_t k_flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  long outcome = set_filter(filter, k_flags | k_wait_killable);
  if (outcome < 0 && errno == EINVAL) outcome = set_filter(filter, k_flags);
  // There is one around this container, which answers for the same calls.
  if (outcome < 0 && errno == EBUSY) return {};
  if (outcome < 0) return fail_errno("cannot install the filter that keeps the owners of files");
  const Fd listener(static_cast<int>(outcome));
  return send_with_descriptors(stage.owners, "o", std::array{&listener});
}

Result<> install_filter(const Stage& stage) {
  const ProcessPlan& process = stage.plan.process;
  TRY(install_owner_filter(stage));
  if (process.seccomp.empty()) return {};
  const long outcome = set_filter(process.seccomp, process.seccomp_flags);
  if (outcome >= 0) {
    if ((process.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) == 0) return {};
    // Who answers for the calls gets it at once: from here on some of ours wait for that.
    const Fd listener(static_cast<int>(outcome));
    return send_with_descriptors(stage.listener, stage.listener_state, std::array{&listener});
  }
  auto error = fail_errno("cannot install the seccomp filter");
  return std::unexpected(
      std::move(error).error().hint("the kernel may lack CONFIG_SECCOMP_FILTER; --security-opt "
                                    "seccomp=unconfined starts without a filter"));
}

// Without no_new_privs it takes CAP_SYS_ADMIN to install a filter, which the program may not have.
CapabilitySet needed_for_filter(const ProcessPlan& process) {
  const bool unfiltered = process.seccomp.empty() && process.owner_filter.empty();
  return unfiltered || process.no_new_privileges ? 0 : capability_bit(CAP_SYS_ADMIN);
}

Result<> take_last_capabilities(const ProcessPlan& process) {
  const ThreadCapabilities present = TRY(get_capabilities());
  const CapabilitySets& sets = process.capabilities;
  TRY(set_capabilities({.effective = sets.effective & present.permitted,
                        .permitted = sets.permitted & present.permitted,
                        .inheritable = present.inheritable}));
  return raise_ambient_set(sets.ambient & present.permitted & present.inheritable);
}

}  // namespace

Result<> change_identity(const ProcessPlan& process) {
  const CapabilitySets& sets = process.capabilities;
  TRY(limit_bounding_set(sets.bounding));
  TRY(clear_ambient_set());
  if (process.set_groups && ::setgroups(process.groups.size(), process.groups.data()) != 0)
    return fail_errno("cannot set the groups of the container's program");
  // A user that is not root loses everything else.
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return fail_errno("cannot keep capabilities");
  if (::setresgid(process.gid, process.gid, process.gid) != 0)
    return fail_errno("cannot become group {}", process.gid);
  if (::setresuid(process.uid, process.uid, process.uid) != 0)
    return fail_errno("cannot become user {}", process.uid);
  (void)::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  // Inherited by all that it starts, over execve(2) as well.
  if (process.ids_number != 0 &&
      ::prctl(PR_SET_TIMERSLACK, k_usual_timer_slack + process.ids_number, 0, 0, 0) != 0)
    return fail_errno("cannot mark the container's program with its ids");
  // What this process has not got, as it is in a container itself, nobody can have.
  const CapabilitySet present = TRY(get_capabilities()).permitted;
  const CapabilitySet filter = needed_for_filter(process);
  TRY(set_capabilities({.effective = present & (sets.effective | filter),
                        .permitted = present & (sets.permitted | filter),
                        .inheritable = present & sets.inheritable}));
  // Each change of ids makes it what the kernel thinks fit.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return {};
}

Result<> confine(const Stage& stage) {
  const ProcessPlan& process = stage.plan.process;
  if (!process.no_new_privileges) {
    TRY(install_filter(stage));
    return take_last_capabilities(process);
  }
  TRY(take_last_capabilities(process));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("cannot set no_new_privs");
  // Now anybody may.
  return install_filter(stage);
}

}  // namespace ecrin::run::stage
