#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "run/chroot/host_entry.hpp"

#ifndef SYS_fchmodat2  // Linux 6.6
#define SYS_fchmodat2 452
#endif

namespace ecrin::run {
namespace {

using Final = HostEntry::Final;

CallAnswer outcome(long result) {
  return result == 0 ? answer_value() : errno_answer();
}

CallAnswer change_owner_of_host(const HostCall& call, unsigned first, int flags) {
  return outcome(::fchownat(AT_FDCWD, call.path.c_str(), static_cast<uid_t>(call.arguments[first]),
                            static_cast<gid_t>(call.arguments[first + 1]), flags & AT_SYMLINK_NOFOLLOW));
}

CallAnswer change_mode_of_host(const HostCall& call, unsigned mode) {
  return outcome(::chmod(call.path.c_str(), static_cast<mode_t>(call.arguments[mode] & 07777)));
}

CallAnswer change_mode_with_flags(const HostCall& call) {
  return outcome(::syscall(SYS_fchmodat2, AT_FDCWD, call.path.c_str(), call.arguments[2],
                           call.arguments[3] & AT_SYMLINK_NOFOLLOW));
}

CallAnswer set_times(const HostCall& call, const timespec* times, int flags = 0) {
  return outcome(::utimensat(AT_FDCWD, call.path.c_str(), times, flags & AT_SYMLINK_NOFOLLOW));
}

timespec as_timespec(std::time_t time) {
  return {.tv_sec = time, .tv_nsec = 0};
}
timespec as_timespec(const timeval& time) {
  // What is out of range stays out of range.
  return {.tv_sec = time.tv_sec,
          .tv_nsec = time.tv_usec < 0 || time.tv_usec >= 1000000 ? -1 : time.tv_usec * 1000};
}
timespec as_timespec(const timespec& time) {
  return time;
}

// Without any times it is now.
template <class Time>
CallAnswer change_times(const HostCall& call, unsigned argument, int flags = 0) {
  const std::uint64_t address = call.arguments[argument];
  if (address == 0) return set_times(call, nullptr);
  std::array<Time, 2> given{};  // of access and of modification
  if (!call.caller.read(address, std::as_writable_bytes(std::span(given)))) return answer_error(EFAULT);
  const std::array<timespec, 2> times = {as_timespec(given[0]), as_timespec(given[1])};
  return set_times(call, times.data(), flags);
}

HostEntry changing(const char* name, long number, unsigned path, CallAnswer (*answer)(const HostCall&),
                   Final symlink = Final::followed, unsigned flags = 0) {
  return {.rule = {name, {}},
          .number = number,
          .path = path,
          .answer = answer,
          .symlink = symlink,
          .flags = flags,
          .about = HostEntry::About::missing};
}

// Without a name it is about a descriptor.
HostEntry changing_named(HostEntry entry) {
  entry.rule.when.push_back({.argument = entry.path, .comparison = SeccompComparison::not_equal, .value = 0});
  return entry;
}

}  // namespace

const std::vector<HostEntry>& changing_host_entries() {
  using C = const HostCall&;
  static const std::vector<HostEntry> all = {
#ifdef SYS_chown
      changing("chown", SYS_chown, 0, [](C c) { return change_owner_of_host(c, 1, 0); }),
      changing(
          "lchown", SYS_lchown, 0, [](C c) { return change_owner_of_host(c, 1, AT_SYMLINK_NOFOLLOW); },
          Final::stays),
      changing("chmod", SYS_chmod, 0, [](C c) { return change_mode_of_host(c, 1); }),
      changing("utime", SYS_utime, 0, [](C c) { return change_times<std::time_t>(c, 1); }),
      changing("utimes", SYS_utimes, 0, [](C c) { return change_times<timeval>(c, 1); }),
      changing_named(
          changing("futimesat", SYS_futimesat, 1, [](C c) { return change_times<timeval>(c, 2); })),
#endif
      changing(
          "fchownat", SYS_fchownat, 1,
          [](C c) { return change_owner_of_host(c, 2, static_cast<int>(c.arguments[4])); }, Final::by_flags,
          4),
      changing("fchmodat", SYS_fchmodat, 1, [](C c) { return change_mode_of_host(c, 2); }),
      changing("fchmodat2", SYS_fchmodat2, 1, change_mode_with_flags, Final::by_flags, 3),
      changing_named(changing(
          "utimensat", SYS_utimensat, 1,
          [](C c) { return change_times<timespec>(c, 2, static_cast<int>(c.arguments[3])); }, Final::by_flags,
          3)),
      changing("truncate", SYS_truncate, 0,
               [](C c) { return outcome(::truncate(c.path.c_str(), static_cast<off_t>(c.arguments[1]))); }),
  };
  return all;
}

}  // namespace ecrin::run
