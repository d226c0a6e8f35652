#include "run/cgroup/cgroup_hierarchies.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin::run;

TEST_CASE("hierarchies of control groups are matched with their mounts") {
  constexpr const char* cgroup =
      "12:name=systemd:/user.slice\n4:memory:/\n3:cpu,cpuacct:/x\n2:rdma:/\n0::/user.slice\n";
  constexpr const char* mountinfo =
      "25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=5k\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 /own /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
  const std::vector<MountedHierarchy> expected = {{"name=systemd", "/sys/fs/cgroup/systemd", "/"},
                                                  {"memory", "/sys/fs/cgroup/memory", "/own"},
                                                  {"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/"},
                                                  {"", "/sys/fs/cgroup/unified", "/"}};
  CHECK(parse_cgroup_hierarchies(cgroup, mountinfo) == expected);
  CHECK(parse_cgroup_hierarchies("", mountinfo).empty());
  CHECK(parse_cgroup_hierarchies(cgroup, "").empty());
  CHECK(parse_cgroup_hierarchies("::\n:\nx", "- -\n a - cgroup").empty());
}
