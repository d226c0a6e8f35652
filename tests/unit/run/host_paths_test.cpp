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

TEST_CASE("a link of its own root directory is not what it leads to") {
  const auto link = [](const char* path) { return host_path(path, 7, 8, FinalSymlink::stay).value_or(""); };
  for (const char* path : {"/dev/fd", "/dev/stdin", "/dev//stdout", "/dev/stderr", "/etc/mtab"}) {
    INFO(path);
    CHECK(link(path).empty());
  }
  CHECK(link("/dev/fd/3") == "/proc/7/fd/3");
  CHECK(link("/proc/self") == "/proc/7");
}

TEST_CASE("devices have something in the root directory that stands in for them") {
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
    CHECK(has_stand_in(path));
  for (const char* path : {"/dev/ptmx", "/dev/pts", "/dev/pts/null", "/proc/null", "/dev/null/x"})
    CHECK(!has_stand_in(path));
}
