#include "tests/faults/fault_point.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace ecrin::faults {
namespace {

// The beginning of the file of counts; the trace follows at k_trace_start.
struct Counts {
  std::atomic<std::uint64_t> changes;
  std::atomic<std::uint64_t> space;
  std::atomic<std::uint64_t> reads;
  std::atomic<std::uint64_t> hits;        // faults that happened
  std::atomic<std::uint64_t> trace_size;  // bytes of trace
};
constexpr std::size_t k_trace_start = 4096;

enum class What { nothing, kill, end, error };

struct Fault {
  Kind kind = Kind::change;
  std::uint64_t number = 0;
  bool and_later = false;
  What what = What::nothing;
  int code = 0;
};

struct State {
  Counts* counts = nullptr;
  dev_t device = 0;
  std::size_t trace_room = 0;  // 0: no trace
  Fault fault;
  std::string shadow;
  std::string boot_id;
};

// Made when it is first asked for: calls come from before main.
State& state() {
  static State only;
  return only;
}

int errno_of(std::string_view name) {
  for (int code = 1; code < 134; ++code)
    if (const char* known = ::strerrorname_np(code); known != nullptr && name == known) return code;
  return 0;
}

Fault parse_fault(std::string_view text) {
  Fault fault;
  const std::size_t first = text.find(':');
  const std::size_t second = text.find(':', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return fault;
  const std::string_view kind = text.substr(0, first);
  fault.kind = kind == "space" ? Kind::space : kind == "read" ? Kind::read : Kind::change;
  fault.number = ::strtoull(std::string(text.substr(first + 1)).c_str(), nullptr, 10);
  fault.and_later = text[second - 1] == '+';
  const std::string_view what = text.substr(second + 1);
  fault.code = errno_of(what);
  fault.what = what == "kill" ? What::kill : what == "end" ? What::end : What::error;
  if (fault.what == What::error && fault.code == 0) fault.what = What::nothing;
  return fault;
}

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

// Before main, in each process that was executed; a fork has it already.
[[gnu::constructor]] void begin() {
  const std::string path = variable("ECRIN_FAULT_COUNTS");
  if (path.empty()) return;
  const int fd = static_cast<int>(
      real_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path.c_str()), O_RDWR | O_CLOEXEC));
  struct stat status;
  if (fd < 0 || ::fstat(fd, &status) != 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED || size < sizeof(Counts)) return;
  state().device = status.st_dev;
  state().fault = parse_fault(variable("ECRIN_FAULT"));
  state().shadow = variable("ECRIN_FAULT_SHADOW");
  state().boot_id = variable("ECRIN_FAULT_BOOT_ID");
  if (!variable("ECRIN_FAULT_TRACE").empty() && size > k_trace_start)
    state().trace_room = size - k_trace_start;
  state().counts = static_cast<Counts*>(memory);
}

bool status_of(int fd, struct stat& status) {
  const int saved = errno;
  const long result = real_call(SYS_fstat, fd, reinterpret_cast<long>(&status));
  errno = saved;
  return result == 0;
}

bool status_of_name(int dir, const char* path, struct stat& status, int flags = 0) {
  const int saved = errno;
  const long result =
      real_call(SYS_newfstatat, dir, reinterpret_cast<long>(path), reinterpret_cast<long>(&status), flags);
  errno = saved;
  return result == 0;
}

std::string parent_of(const char* path) {
  const std::string_view text = path;
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(text.substr(0, slash == 0 ? 1 : slash));
}

bool count(Kind kind) {
  Counts& counts = *state().counts;
  const Fault& fault = state().fault;
  std::uint64_t number = 0;
  const auto add = [&](Kind counted, std::atomic<std::uint64_t>& counter) {
    const std::uint64_t reached = ++counter;
    if (counted == fault.kind) number = reached;
  };
  if (kind == Kind::read) add(Kind::read, counts.reads);
  if (kind != Kind::read) add(Kind::change, counts.changes);
  if (kind == Kind::space) add(Kind::space, counts.space);
  if (fault.what == What::nothing || number == 0) return false;
  if (fault.and_later ? number < fault.number : number != fault.number) return false;
  ++counts.hits;
  if (fault.what == What::kill) real_call(SYS_kill, ::getpid(), SIGKILL);
  if (fault.what == What::end) real_call(SYS_kill, 0, SIGKILL);
  errno = fault.code;
  return true;
}

template <class... Values>
void trace(const char* format, Values... values) {
  if (state().trace_room == 0) return;
  const int saved = errno;
  char line[512];
  const int length = ::snprintf(line, sizeof line, format, values...);
  const auto size = static_cast<std::size_t>(length);
  const std::size_t at = state().counts->trace_size.fetch_add(size);
  if (at + size <= state().trace_room)
    ::memcpy(reinterpret_cast<char*>(state().counts) + k_trace_start + at, line, size);
  errno = saved;
}

// The clock that files' change times come from. A tick before and after: what changed before the sync has an
// earlier time than this, what changes later a later one.
long long time_between() {
  const timespec tick{.tv_sec = 0, .tv_nsec = 12'000'000};
  ::nanosleep(&tick, nullptr);
  timespec now;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  ::nanosleep(&tick, nullptr);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

thread_local long long t_sync_time = 0;

void copy_file(const std::string& from, const std::string& to) {
  const long source =
      real_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(from.c_str()), O_RDONLY | O_CLOEXEC);
  if (source < 0) {
    real_call(SYS_unlinkat, AT_FDCWD, reinterpret_cast<long>(to.c_str()), 0);
    return;
  }
  const long target = real_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(to.c_str()),
                                O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  char buffer[32768];
  for (long count = 0;
       (count = real_call(SYS_read, source, reinterpret_cast<long>(buffer), sizeof buffer)) > 0;)
    real_call(SYS_write, target, reinterpret_cast<long>(buffer), count);
  // Not by close(2): SQLite's locks of this process on the file would go with it. Who runs with a shadow has
  // few syncs, and the descriptors end with the process.
  if (target >= 0) real_call(SYS_close, target);
}

constexpr const char* k_database = "db.sqlite";

// `directory` ends with a slash.
void copy_database(const std::string& directory, const char* suffix) {
  copy_file(directory + k_database + suffix, state().shadow + "/" + k_database + suffix);
}

std::string path_of(int fd) {
  char link[64];
  char target[4096];
  ::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const long length = real_call(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>(link),
                                reinterpret_cast<long>(target), sizeof target);
  return length < 0 ? "" : std::string(target, static_cast<std::size_t>(length));
}

}  // namespace

long real_call(long number, long a, long b, long c, long d, long e, long f) {
  using Call = long (*)(long, ...);
  static const Call call = reinterpret_cast<Call>(::dlsym(RTLD_NEXT, "syscall"));
  return call(number, a, b, c, d, e, f);
}

bool refuses(Kind kind, int fd) {
  if (state().counts == nullptr) return false;
  struct stat status;
  if (!status_of(fd, status) || status.st_dev != state().device) return false;
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return false;
  return count(kind);
}

bool refuses_name(Kind kind, int dir, const char* path) {
  if (state().counts == nullptr || path == nullptr) return false;
  struct stat status;
  const bool known = status_of_name(dir, path, status, AT_SYMLINK_NOFOLLOW) ||
                     status_of_name(dir, parent_of(path).c_str(), status);
  if (!known || status.st_dev != state().device) return false;
  return count(kind);
}

void note_written(int fd) {
  if (state().counts == nullptr || state().trace_room == 0) return;
  struct stat status;
  if (status_of(fd, status) && status.st_dev == state().device && S_ISREG(status.st_mode))
    trace("W %llu\n", static_cast<unsigned long long>(status.st_ino));
}

void note_name(int dir, const char* path) {
  if (state().counts == nullptr || state().trace_room == 0) return;
  struct stat status;
  if (!status_of_name(dir, parent_of(path).c_str(), status) || status.st_dev != state().device) return;
  const char* slash = ::strrchr(path, '/');
  trace("N %llu %s\n", static_cast<unsigned long long>(status.st_ino), slash == nullptr ? path : slash + 1);
}

void note_synced(int fd) {
  if (state().counts == nullptr) return;
  struct stat status;
  if (!status_of(fd, status) || status.st_dev != state().device) return;
  trace("S %llu\n", static_cast<unsigned long long>(status.st_ino));
  if (state().shadow.empty()) return;
  const std::string path = path_of(fd);
  const std::size_t start = path.rfind('/') + 1;
  if (path.compare(start, ::strlen(k_database), k_database) == 0)
    copy_file(path, state().shadow + "/" + path.substr(start));
}

void before_syncfs(int fd) {
  if (state().counts == nullptr || state().trace_room == 0) return;
  t_sync_time = time_between();
  const std::string path = path_of(fd);
  // Any directory of the store will do; the store is where the database is.
  for (std::size_t end = path.size(); !state().shadow.empty() && end != std::string::npos && end > 0;
       end = path.rfind('/', end - 1)) {
    const std::string directory = path.substr(0, end) + "/";
    struct stat status;
    if (!status_of_name(AT_FDCWD, (directory + k_database).c_str(), status)) continue;
    copy_database(directory, "");
    copy_database(directory, "-wal");
    break;
  }
}

void after_syncfs(int) {
  if (state().counts == nullptr || state().trace_room == 0) return;
  trace("F %lld\n", t_sync_time);
}

const char* opened_path(const char* path) {
  if (state().boot_id.empty() || path == nullptr) return path;
  return ::strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 ? state().boot_id.c_str() : path;
}

}  // namespace ecrin::faults
