#include "run/owners/owner_calls.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "run/owners/call_context.hpp"

namespace ecrin::run {
namespace {

enum class OnError { tell, proceed };

using Answer = Result<CallAnswer>(const CallContext&);

struct Call {
  AnsweredCall rule;
  long number = -1;
  Answer* answer = nullptr;
  OnError on_error = OnError::tell;
  bool needs_ids = true;
};

Call changing(const char* name, long number, Answer* answer) {
  Call call;
  call.rule.name = name;
  call.number = number;
  call.answer = answer;
  return call;
}
// What cannot be looked up is left to the kernel.
Call asking(const char* name, long number, Answer* answer) {
  Call call = changing(name, number, answer);
  call.on_error = OnError::proceed;
  return call;
}
// Who asks does not matter.
Call asking_for_anybody(const char* name, long number, Answer* answer) {
  Call call = asking(name, number, answer);
  call.needs_ids = false;
  return call;
}
// Only with flags that make files.
Call opening(const char* name, long number, unsigned flags_argument, Answer* answer) {
  Call call = asking(name, number, answer);
  // libseccomp has no "any of these bits".
  for (const std::uint64_t bit : {std::uint64_t{O_CREAT}, std::uint64_t{O_TMPFILE & ~O_DIRECTORY}})
    call.rule.when.push_back({.argument = flags_argument,
                              .comparison = SeccompComparison::masked_equal,
                              .value = bit,
                              .second = bit});
  return call;
}

template <IdCall kind>
Result<CallAnswer> ids(const CallContext& call) {
  return answer_ids(call, kind);
}

// open(2), openat(2): the mode counts with O_CREAT only, which the filter asks for.
Result<CallAnswer> open_with(const CallContext& call) {
  open_how how{};
  if (call.arguments[3] < sizeof how) return CallAnswer();
  TRY(call.caller.read(call.address(2), std::as_writable_bytes(std::span(&how, 1))));
  if (how.resolve != 0) return CallAnswer();  // the kernel looks it up in ways of its own
  return create_file(call, call.descriptor(0), call.address(1), static_cast<int>(how.flags),
                     static_cast<mode_t>(how.mode));
}

Call keeping_capabilities() {
  Call call = asking("prctl", SYS_prctl, ids<IdCall::keep_capabilities>);
  call.rule.when.push_back({.argument = 0, .value = PR_SET_KEEPCAPS});
  return call;
}

const std::vector<Call>& calls() {
  using C = const CallContext&;
  static const std::vector<Call> all = {
#ifdef SYS_chown  // the older forms; newer machines have only the others
      changing("chown", SYS_chown,
               [](C c) { return change_owner(c, AT_FDCWD, c.address(0), c.word(1), c.word(2), 0); }),
      changing("lchown", SYS_lchown,
               [](C c) {
                 return change_owner(c, AT_FDCWD, c.address(0), c.word(1), c.word(2), AT_SYMLINK_NOFOLLOW);
               }),
      changing("mknod", SYS_mknod,
               [](C c) { return make_node(c, AT_FDCWD, c.address(0), c.word(1), c.word(2)); }),
      changing("mkdir", SYS_mkdir, [](C c) { return make_directory(c, AT_FDCWD, c.address(0), c.word(1)); }),
      changing("symlink", SYS_symlink,
               [](C c) { return make_symlink(c, c.address(0), AT_FDCWD, c.address(1)); }),
      asking_for_anybody("stat", SYS_stat,
                         [](C c) { return tell_status(c, AT_FDCWD, c.address(0), c.address(1), 0); }),
      asking_for_anybody(
          "lstat", SYS_lstat,
          [](C c) { return tell_status(c, AT_FDCWD, c.address(0), c.address(1), AT_SYMLINK_NOFOLLOW); }),
      opening("open", SYS_open, 1,
              [](C c) { return create_file(c, AT_FDCWD, c.address(0), c.descriptor(1), c.word(2)); }),
      asking("creat", SYS_creat,
             [](C c) {
               return create_file(c, AT_FDCWD, c.address(0), O_CREAT | O_WRONLY | O_TRUNC, c.word(1));
             }),
      asking_for_anybody("rename", SYS_rename,
                         [](C c) { return move_name(c, AT_FDCWD, c.address(0), AT_FDCWD, c.address(1), 0); }),
      asking_for_anybody(
          "renameat", SYS_renameat,
          [](C c) { return move_name(c, c.descriptor(0), c.address(1), c.descriptor(2), c.address(3), 0); }),
      asking_for_anybody("link", SYS_link,
                         [](C c) { return link_name(c, AT_FDCWD, c.address(0), AT_FDCWD, c.address(1), 0); }),
#endif
      asking_for_anybody("renameat2", SYS_renameat2,
                         [](C c) {
                           return move_name(c, c.descriptor(0), c.address(1), c.descriptor(2), c.address(3),
                                            c.word(4));
                         }),
      asking_for_anybody("linkat", SYS_linkat,
                         [](C c) {
                           return link_name(c, c.descriptor(0), c.address(1), c.descriptor(2), c.address(3),
                                            c.descriptor(4));
                         }),
      changing("fchown", SYS_fchown,
               [](C c) { return change_owner(c, c.descriptor(0), std::nullopt, c.word(1), c.word(2), 0); }),
      changing("fchownat", SYS_fchownat,
               [](C c) {
                 return change_owner(c, c.descriptor(0), c.address(1), c.word(2), c.word(3), c.descriptor(4));
               }),
      changing("mknodat", SYS_mknodat,
               [](C c) { return make_node(c, c.descriptor(0), c.address(1), c.word(2), c.word(3)); }),
      changing("mkdirat", SYS_mkdirat,
               [](C c) { return make_directory(c, c.descriptor(0), c.address(1), c.word(2)); }),
      changing("symlinkat", SYS_symlinkat,
               [](C c) { return make_symlink(c, c.address(0), c.descriptor(1), c.address(2)); }),
      opening("openat", SYS_openat, 2,
              [](C c) { return create_file(c, c.descriptor(0), c.address(1), c.descriptor(2), c.word(3)); }),
      asking("openat2", SYS_openat2, open_with),
      asking_for_anybody(
          "newfstatat", SYS_newfstatat,
          [](C c) { return tell_status(c, c.descriptor(0), c.address(1), c.address(2), c.descriptor(3)); }),
      asking_for_anybody("fstat", SYS_fstat,
                         [](C c) { return tell_status(c, c.descriptor(0), std::nullopt, c.address(1), 0); }),
      asking_for_anybody("statx", SYS_statx, tell_extended_status),
      changing("setuid", SYS_setuid, ids<IdCall::setuid>),
      changing("setgid", SYS_setgid, ids<IdCall::setgid>),
      changing("setreuid", SYS_setreuid, ids<IdCall::setreuid>),
      changing("setregid", SYS_setregid, ids<IdCall::setregid>),
      changing("setresuid", SYS_setresuid, ids<IdCall::setresuid>),
      changing("setresgid", SYS_setresgid, ids<IdCall::setresgid>),
      changing("setfsuid", SYS_setfsuid, ids<IdCall::setfsuid>),
      changing("setfsgid", SYS_setfsgid, ids<IdCall::setfsgid>),
      changing("setgroups", SYS_setgroups, ids<IdCall::setgroups>),
      keeping_capabilities(),
      asking_for_anybody("mount", SYS_mount, change_mount),
      asking_for_anybody("fsconfig", SYS_fsconfig, change_mount_setting),
      changing("getuid", SYS_getuid, ids<IdCall::getuid>),
      changing("geteuid", SYS_geteuid, ids<IdCall::geteuid>),
      changing("getgid", SYS_getgid, ids<IdCall::getgid>),
      changing("getegid", SYS_getegid, ids<IdCall::getegid>),
      changing("getresuid", SYS_getresuid, ids<IdCall::getresuid>),
      changing("getresgid", SYS_getresgid, ids<IdCall::getresgid>),
      changing("getgroups", SYS_getgroups, ids<IdCall::getgroups>),
  };
  return all;
}

}  // namespace

const std::vector<AnsweredCall>& answered_calls() {
  static const std::vector<AnsweredCall> rules = [] {
    std::vector<AnsweredCall> names;
    for (const Call& call : calls()) names.push_back(call.rule);
    return names;
  }();
  return rules;
}

OwnerCalls::OwnerCalls(OwnerRecords& records, ProgramIdsTable& ids, KernelFiles kernel_files)
    : m_records(records), m_ids(ids), m_kernel_files(kernel_files) {
  const std::vector<Call>& all = calls();
  for (std::size_t index = 0; index < all.size(); ++index) {
    const auto number = static_cast<std::size_t>(all[index].number);
    if (m_kinds.size() <= number) m_kinds.resize(number + 1, -1);
    m_kinds[number] = static_cast<int>(index);
  }
}

CallAnswer OwnerCalls::answer(const Fd& listener, const seccomp_notif& notification) {
  const auto number = static_cast<std::size_t>(notification.data.nr);
  if (number >= m_kinds.size() || m_kinds[number] < 0) return {};
  const Call& call = calls()[static_cast<std::size_t>(m_kinds[number])];
  const Caller caller(listener, notification.id, static_cast<pid_t>(notification.pid), m_kernel_files);
  CallContext context{
      .caller = caller, .records = m_records, .table = m_ids, .number = 0, .ids = {}, .arguments = {}};
  if (call.needs_ids) {
    context.number = caller.ids_number();
    context.ids = m_ids.find(context.number).value_or(ProgramIds());
    if (context.ids.keeper != 0 && caller.program() != context.ids.keeper) context.ids.keeper = 0;
  }
  std::ranges::copy(notification.data.args, context.arguments.begin());
  auto answer = call.answer(context);
  if (answer) return std::move(*answer);
  // What we cannot look up may be right for the kernel: /proc/self is another one for us.
  if (call.on_error == OnError::proceed) return {};
  return answer_error(answer.error().code() != 0 ? answer.error().code() : EPERM);
}

}  // namespace ecrin::run
