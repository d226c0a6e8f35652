#include "run/proc_number.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "base/posix.hpp"

namespace ecrin::run {
namespace {

bool numbers_agree() {
  static const bool agree = [] {
    const auto proc = posix::open("/proc", O_PATH | O_DIRECTORY);
    return !proc || posix::readlink_at(*proc, "self").value_or("") == std::to_string(::getpid());
  }();
  return agree;
}

}  // namespace

pid_t proc_number(pid_t process) {
  if (numbers_agree()) return process;
  constexpr unsigned k_thread = O_EXCL;  // PIDFD_THREAD, Linux 6.9
  Fd file(static_cast<int>(::syscall(SYS_pidfd_open, process, k_thread)));
  if (!file) file = Fd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!file) return process;
  // The number is told as the reader's /proc has it.
  const auto text = posix::read_file(fmt::format("/proc/self/fdinfo/{}", file.get()), 4096);
  constexpr std::string_view k_key = "\nPid:\t";
  const std::size_t found = text ? text->find(k_key) : std::string::npos;
  pid_t number = 0;
  if (found != std::string::npos)
    std::from_chars(text->data() + found + k_key.size(), text->data() + text->size(), number);
  return number > 0 ? number : process;
}

}  // namespace ecrin::run
