#include "run/seccomp/seccomp_profile.hpp"

#include <linux/capability.h>

namespace ecrin::run::seccomp_profile {
namespace {

constexpr Names k_always = R"(
  _llseek _newselect accept accept4 access adjtimex alarm arch_prctl arm_fadvise64_64 arm_sync_file_range
  bind breakpoint brk cachestat cacheflush capget capset chdir chmod chown chown32 clock_adjtime
  clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
  clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create
  epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
  execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir
  fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork
  fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex
  futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu
  getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32
  getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid
  getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr
  getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
  io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill
  landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen
  listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack
  membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2
  modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
  mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
  name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2
  pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64
  process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2
  read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages
  removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending
  rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
  rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
  sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity
  sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop
  semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area
  set_tid_address set_tls setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
  setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid
  setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown
  sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64
  statx symlink symlinkat sync sync_file_range sync_file_range2 syncfs sysinfo tee tgkill time timer_create
  timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create
  timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64
  ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4
  waitid waitpid write writev
)";

// The keyrings of the kernel know no user namespace's borders for session keyrings; the rest is old, or
// manages the machine.
constexpr Names k_never = R"(
  _sysctl add_key afs_syscall bdflush break create_module ftime get_kernel_syms getpmsg gtty idle kexec_file_load
  kexec_load keyctl lock migrate_pages move_pages mpx nfsservctl nice oldfstat oldlstat oldolduname oldstat
  olduname prof profil putpmsg query_module request_key security sgetmask ssetmask stty swapoff swapon sysfs
  tuxcall ulimit uselib userfaultfd ustat vm86 vm86old vserver
)";

constexpr std::array k_groups = {
    Group{capability_bit(CAP_DAC_READ_SEARCH), "open_by_handle_at"},
    Group{capability_bit(CAP_SYS_ADMIN),
          "fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie lsm_get_self_attr "
          "lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree pivot_root quotactl "
          "quotactl_fd setdomainname sethostname setns statmount umount umount2 unshare"},
    Group{capability_bit(CAP_SYS_ADMIN) | capability_bit(CAP_BPF), "bpf"},
    Group{capability_bit(CAP_SYS_ADMIN) | capability_bit(CAP_PERFMON), "perf_event_open"},
    Group{capability_bit(CAP_SYS_ADMIN) | capability_bit(CAP_SYSLOG), "syslog"},
    Group{capability_bit(CAP_SYS_BOOT), "reboot"},
    Group{capability_bit(CAP_SYS_CHROOT), "chroot"},
    Group{capability_bit(CAP_SYS_MODULE), "delete_module finit_module init_module"},
    Group{capability_bit(CAP_SYS_NICE), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    Group{capability_bit(CAP_SYS_PACCT), "acct"},
    Group{capability_bit(CAP_SYS_PTRACE), "kcmp pidfd_getfd process_madvise"},
    Group{capability_bit(CAP_SYS_RAWIO), "ioperm iopl"},
    Group{capability_bit(CAP_SYS_TIME), "clock_settime clock_settime64 settimeofday stime"},
    Group{capability_bit(CAP_SYS_TTY_CONFIG), "vhangup"},
};

constexpr std::uint64_t k_all_bits = UINT64_MAX;
constexpr std::uint64_t k_int_bits = UINT32_MAX;
// personality(2): Linux and Linux-32, each with and without UNAME26; and the question which one is set.
constexpr std::array k_conditions = {
    Condition{"personality", 0, k_all_bits, 0x0},        Condition{"personality", 0, k_all_bits, 0x8},
    Condition{"personality", 0, k_all_bits, 0x20000},    Condition{"personality", 0, k_all_bits, 0x20008},
    Condition{"personality", 0, k_int_bits, 0xffffffff},
};

}  // namespace

Names always() {
  return k_always;
}
Names never() {
  return k_never;
}
std::span<const Group> groups() {
  return k_groups;
}
std::span<const Condition> conditions() {
  return k_conditions;
}

CapabilitySet relevant_capabilities() {
  CapabilitySet all = 0;
  for (const Group& group : k_groups) all |= group.capabilities;
  return all;
}

}  // namespace ecrin::run::seccomp_profile
