#include "run/chroot/host_calls.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/chroot/host_entry.hpp"
#include "run/chroot/host_paths.hpp"
#include "run/proc_number.hpp"

namespace ecrin::run {
namespace {

// Who calls: a line "Uid:" or "Tgid:" of its status, the numbers behind it.
struct CallerFacts {
  pid_t process = 0;
  uid_t real_user = 0, file_user = 0;
  gid_t real_group = 0, file_group = 0;
};

std::vector<std::string> status_words(const std::string& status, std::string_view key) {
  const std::size_t found = status.find("\n" + std::string(key));
  if (found == std::string::npos) return {};
  const std::size_t begin = found + 1 + key.size();
  std::vector<std::string> words;
  for (std::string& word : split(status.substr(begin, status.find('\n', begin) - begin), '\t'))
    if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::optional<CallerFacts> caller_facts(pid_t thread) {
  const auto status = posix::read_file(fmt::format("/proc/{}/status", proc_number(thread)), 64 * 1024);
  if (!status) return std::nullopt;
  const auto number = [&](std::string_view key, std::size_t index) -> unsigned {
    const auto words = status_words(*status, key);
    if (words.size() <= index) return 0;
    const auto value = parse_unsigned(words[index], UINT32_MAX);
    return value ? static_cast<unsigned>(*value) : 0;
  };
  return CallerFacts{.process = static_cast<pid_t>(number("Tgid:", 0)),
                     .real_user = number("Uid:", 0),
                     .file_user = number("Uid:", 3),
                     .real_group = number("Gid:", 0),
                     .file_group = number("Gid:", 3)};
}

// This thread, and no other of this process, is who calls as far as files and other processes are concerned.
// The effective ids stay, so all of it can be taken back.
class AsCaller {
public:
  explicit AsCaller(const CallerFacts& facts)
      : m_changes(facts.real_user != 0 || facts.file_user != 0 || facts.real_group != 0 ||
                  facts.file_group != 0) {
    if (!m_changes) return;
    become(facts.real_user, facts.real_group);
    ::setfsgid(facts.file_group);
    ::setfsuid(facts.file_user);
  }
  AsCaller(const AsCaller&) = delete;
  AsCaller& operator=(const AsCaller&) = delete;
  ~AsCaller() {
    if (!m_changes) return;
    ::setfsuid(0);
    ::setfsgid(0);
    become(0, 0);
  }

private:
  // The C library would change all threads.
  static void become(uid_t uid, gid_t gid) {
    ::syscall(SYS_setresgid, gid, -1, -1);
    ::syscall(SYS_setresuid, uid, -1, -1);
  }
  bool m_changes;
};

template <class Value>
CallAnswer give(const HostCall& call, std::uint64_t address, const Value& value) {
  if (!call.caller.write(address, std::as_bytes(std::span(&value, 1)))) return answer_error(EFAULT);
  return answer_value();
}

CallAnswer open_host(const HostCall& call, std::uint64_t flags) {
  constexpr int k_ignored = O_CREAT | O_EXCL | O_TMPFILE;
  const auto asked = static_cast<int>(flags);
  if ((asked & O_TMPFILE) == O_TMPFILE) return answer_error(EOPNOTSUPP);
  // Nothing of this process may wait for the other end of a pipe, nor get a terminal.
  const int how = (asked & ~(k_ignored & ~O_DIRECTORY)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  auto opened = posix::open(call.path, how);
  if (!opened) return answer_error(opened.error().code());
  Fd file = std::move(*opened);
  if ((asked & (O_NONBLOCK | O_PATH)) == 0) {
    const int now = ::fcntl(file.get(), F_GETFL);
    (void)::fcntl(file.get(), F_SETFL, now & ~O_NONBLOCK);
  }
  CallAnswer answer = answer_value();
  answer.descriptor = std::move(file);
  answer.close_on_exec = (asked & O_CLOEXEC) != 0;
  return answer;
}

CallAnswer open_host_with(const HostCall& call) {
  open_how how{};
  if (call.arguments[3] < sizeof how ||
      !call.caller.read(call.arguments[2], std::as_writable_bytes(std::span(&how, 1))))
    return answer_error(EINVAL);
  return open_host(call, how.flags);
}

CallAnswer status_of_host(const HostCall& call, std::uint64_t buffer, int flags) {
  struct stat status {};
  if (::fstatat(AT_FDCWD, call.path.c_str(), &status, flags & AT_SYMLINK_NOFOLLOW) != 0)
    return errno_answer();
  return give(call, buffer, status);
}

CallAnswer extended_status_of_host(const HostCall& call) {
  struct statx status {};
  const int flags = static_cast<int>(call.arguments[2]) & ~AT_EMPTY_PATH;
  if (::statx(AT_FDCWD, call.path.c_str(), flags, static_cast<unsigned>(call.arguments[3]), &status) != 0)
    return errno_answer();
  return give(call, call.arguments[4], status);
}

CallAnswer may_access(const HostCall& call, std::uint64_t mode) {
  return ::faccessat(AT_FDCWD, call.path.c_str(), static_cast<int>(mode), AT_EACCESS) == 0 ? answer_value()
                                                                                           : errno_answer();
}

// What leads into the root directory is told as it is in there.
std::string without_root(std::string text, const std::string& root) {
  if (text == root) return "/";
  if (text.starts_with(root + "/")) text.erase(0, root.size());
  return text;
}

CallAnswer read_link(const HostCall& call, std::uint64_t buffer, std::uint64_t size) {
  std::array<char, PATH_MAX> link{};
  std::string text;
  if (call.named == "/proc/self") {
    text = std::to_string(call.process);
  } else {
    const ssize_t length = ::readlink(call.path.c_str(), link.data(), link.size());
    if (length < 0) return errno_answer();
    text = without_root(std::string(link.data(), static_cast<std::size_t>(length)), call.files.root);
  }
  if (size == 0 || size > INT32_MAX) return answer_error(EINVAL);
  if (text.size() > size) text.resize(size);
  if (!call.caller.write(buffer, std::as_bytes(std::span(text)))) return answer_error(EFAULT);
  return answer_value(static_cast<std::int64_t>(text.size()));
}

CallAnswer file_system_of(const HostCall& call) {
  struct statfs status {};
  if (::statfs(call.path.c_str(), &status) != 0) return errno_answer();
  return give(call, call.arguments[1], status);
}

CallAnswer no_attributes(const HostCall&) {
  return answer_error(EOPNOTSUPP);
}

const std::vector<HostEntry>& looking_entries() {
  using C = const HostCall&;
  using Final = HostEntry::Final;
  static const std::vector<HostEntry> all = {
#ifdef SYS_open
      {{"open", {}}, SYS_open, 0, [](C c) { return open_host(c, c.arguments[1]); }},
      {{"creat", {}}, SYS_creat, 0, [](C c) { return open_host(c, O_WRONLY | O_TRUNC); }},
      {{"stat", {}}, SYS_stat, 0, [](C c) { return status_of_host(c, c.arguments[1], 0); }},
      {{"lstat", {}},
       SYS_lstat,
       0,
       [](C c) { return status_of_host(c, c.arguments[1], AT_SYMLINK_NOFOLLOW); },
       Final::stays},
      {{"access", {}}, SYS_access, 0, [](C c) { return may_access(c, c.arguments[1]); }},
      {{"readlink", {}},
       SYS_readlink,
       0,
       [](C c) { return read_link(c, c.arguments[1], c.arguments[2]); },
       Final::stays},
#endif
      {{"openat", {}}, SYS_openat, 1, [](C c) { return open_host(c, c.arguments[2]); }},
      {{"openat2", {}}, SYS_openat2, 1, open_host_with},
      {{"newfstatat", {}},
       SYS_newfstatat,
       1,
       [](C c) { return status_of_host(c, c.arguments[2], static_cast<int>(c.arguments[3])); },
       Final::by_flags,
       3},
      {{"statx", {}}, SYS_statx, 1, extended_status_of_host, Final::by_flags, 2},
      {{"faccessat", {}}, SYS_faccessat, 1, [](C c) { return may_access(c, c.arguments[2]); }},
      {{"faccessat2", {}}, SYS_faccessat2, 1, [](C c) { return may_access(c, c.arguments[2]); }},
      {{"readlinkat", {}},
       SYS_readlinkat,
       1,
       [](C c) { return read_link(c, c.arguments[2], c.arguments[3]); },
       Final::stays},
      {{"statfs", {}}, SYS_statfs, 0, file_system_of},
      {{"getxattr", {}}, SYS_getxattr, 0, no_attributes},
      {{"lgetxattr", {}}, SYS_lgetxattr, 0, no_attributes, Final::stays},
      {{"listxattr", {}}, SYS_listxattr, 0, no_attributes},
      {{"llistxattr", {}}, SYS_llistxattr, 0, no_attributes, Final::stays},
  };
  return all;
}

const std::vector<HostEntry>& entries() {
  static const std::vector<HostEntry> all = [] {
    std::vector<HostEntry> joined = looking_entries();
    const std::vector<HostEntry>& changing = changing_host_entries();
    joined.insert(joined.end(), changing.begin(), changing.end());
    return joined;
  }();
  return all;
}

FinalSymlink final_of(const HostEntry& entry, const seccomp_notif& notification) {
  if (entry.symlink == HostEntry::Final::stays) return FinalSymlink::stay;
  if (entry.symlink == HostEntry::Final::followed) return FinalSymlink::follow;
  return (notification.data.args[entry.flags] & AT_SYMLINK_NOFOLLOW) != 0 ? FinalSymlink::stay
                                                                          : FinalSymlink::follow;
}

bool is_about_owner(long number) {
  switch (number) {
#ifdef SYS_chown
    case SYS_chown:
    case SYS_lchown:
    case SYS_stat:
    case SYS_lstat:
#endif
    case SYS_fchownat:
    case SYS_newfstatat:
    case SYS_statx:
      return true;
    default:
      return false;
  }
}

std::optional<CallAnswer> answer_name(const HostFiles& files, const Fd& listener,
                                      const seccomp_notif& notification) {
  utsname names{};
  if (files.hostname.empty() || ::uname(&names) != 0) return std::nullopt;
  const std::size_t size = std::min(files.hostname.size(), sizeof names.nodename - 1);
  std::memset(names.nodename, 0, sizeof names.nodename);
  std::memcpy(names.nodename, files.hostname.data(), size);
  const Caller caller(listener, notification.id, static_cast<pid_t>(notification.pid));
  if (!caller.write(notification.data.args[0], std::as_bytes(std::span(&names, 1)))) return std::nullopt;
  return answer_value();
}

}  // namespace

std::vector<AnsweredCall> host_answered_calls(const HostFiles& files) {
  std::vector<AnsweredCall> calls;
  if (!files.root.empty())
    for (const HostEntry& entry : entries()) calls.push_back(entry.rule);
  if (!files.hostname.empty()) calls.push_back({"uname", {}});
  return calls;
}

std::optional<CallAnswer> answer_host_call(const HostFiles& files, const Fd& listener,
                                           const seccomp_notif& notification, OwnerCalls* owners) {
  if (notification.data.nr == SYS_uname) return answer_name(files, listener, notification);
  const auto entry =
      std::ranges::find(entries(), static_cast<long>(notification.data.nr), &HostEntry::number);
  if (entry == entries().end()) return std::nullopt;
  const auto thread = static_cast<pid_t>(notification.pid);
  const Caller caller(listener, notification.id, thread);
  const std::uint64_t address = notification.data.args[entry->path];
  // Most are about other files, and most callers are root: then their memory is all that has to be read.
  const FinalSymlink final = final_of(*entry, notification);
  auto named = caller.read_path(address);
  if (named && !host_path(*named, 1, 1, final)) return std::nullopt;
  const auto facts = caller_facts(thread);
  if (!facts) return std::nullopt;
  const AsCaller as_caller(*facts);
  if (!named) named = caller.read_path(address);
  if (!named) return std::nullopt;
  auto path = host_path(*named, facts->process, proc_number(thread), final);
  if (!path || !caller.is_waiting()) return std::nullopt;
  if (has_stand_in(*path)) {
    if (entry->about == HostEntry::About::missing) return std::nullopt;
  } else if (owners && is_about_owner(entry->number)) {
    CallAnswer kept = owners->answer(listener, notification);
    if (!kept.proceeds) return kept;
  }
  HostCall call{.caller = caller,
                .files = files,
                .process = facts->process,
                .thread = thread,
                .path = std::move(*path),
                .arguments = {},
                .named = std::move(*named)};
  std::ranges::copy(notification.data.args, call.arguments.begin());
  return entry->answer(call);
}

}  // namespace ecrin::run
