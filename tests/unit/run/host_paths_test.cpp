#include "run/chroot/host_paths.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::run;

TEST_CASE("paths to files of the kernel lead to those of this process") {
  struct Case {
    const char* path;
    const char* host;  // "": a file of its own
  };
  const Case cases[] = {
      {"/proc", "/proc"},
      {"/proc/self/status", "/proc/7/status"},
      {"//proc/./self//fd/3", "/proc/7/fd/3"},
      {"/proc/thread-self/comm", "/proc/7/task/8/comm"},
      {"/proc/mounts", "/proc/7/mounts"},
      {"/proc/net/dev", "/proc/7/net/dev"},
      {"/proc/12/stat", "/proc/12/stat"},
      {"/proc/cpuinfo", "/proc/cpuinfo"},
      {"/sys/class/net", "/sys/class/net"},
      {"/dev/null", "/dev/null"},
      {"/dev/pts/3", "/dev/pts/3"},
      {"/dev/fd", "/proc/7/fd"},
      {"/dev/fd/63", "/proc/7/fd/63"},
      {"/dev/stderr", "/proc/7/fd/2"},
      {"/a/../proc/uptime", "/proc/uptime"},
      {"/etc/mtab", "/proc/7/mounts"},
      {"/dev", ""},
      {"/dev/shm/x", ""},
      {"/dev/tty", ""},
      {"/dev/stdin/x", ""},
      {"/proc/../etc/passwd", ""},
      {"/proc/self/../../etc/passwd", ""},
      {"/process", ""},
      {"/", ""},
      {"", ""},
      {"proc/self", ""},
  };
  for (const Case& item : cases) {
    INFO(item.path);
    CHECK(host_path(item.path, 7, 8).value_or("") == item.host);
  }
}
