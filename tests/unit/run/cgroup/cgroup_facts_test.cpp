#include "run/cgroup/cgroup_facts.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

constexpr const char* k_version2 =
    "24 1 0:22 / /sys rw,nosuid - sysfs sysfs rw\n"
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

}  // namespace

TEST_CASE("a host with version 2 alone") {
  const CgroupFacts facts =
      parse_cgroup_facts("0::/user.slice/user-1000.slice/session-1.scope\n", k_version2);
  CHECK(facts.layout == CgroupLayout::version2);
  CHECK(facts.mount == "/sys/fs/cgroup");
  CHECK(facts.directory == "/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope");
}

TEST_CASE("the root of a cgroup namespace is the mount itself") {
  CHECK(parse_cgroup_facts("0::/\n", k_version2).directory == "/sys/fs/cgroup");
}

TEST_CASE("a mount that shows a part of the hierarchy") {
  const char* mounts = "30 24 0:26 /box/one /sys/fs/cg\\040roup rw - cgroup2 cgroup2 rw\n";
  CHECK(parse_cgroup_facts("0::/box/one/two\n", mounts).directory == "/sys/fs/cg roup/two");
  CHECK(parse_cgroup_facts("0::/box/one\n", mounts).directory == "/sys/fs/cg roup");
  CHECK(parse_cgroup_facts("0::/box/oneself\n", mounts).directory.empty());
  CHECK(parse_cgroup_facts("0::/elsewhere\n", mounts).directory.empty());
  CHECK(parse_cgroup_facts("0::/../outside\n", k_version2).directory.empty());
}

TEST_CASE("controllers in version 1") {
  const std::string version1 =
      "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "32 24 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
  CHECK(parse_cgroup_facts("8:pids:/\n4:memory:/a\n", version1).layout == CgroupLayout::version1);
  const CgroupFacts hybrid = parse_cgroup_facts(
      "8:pids:/\n0::/\n", version1 + "33 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  CHECK(hybrid.layout == CgroupLayout::hybrid);
  CHECK(hybrid.directory == "/sys/fs/cgroup/unified");
}

TEST_CASE("hierarchies of version 1") {
  const char* mounts =
      "31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
      "32 24 0:28 /box /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "33 24 0:28 / /mnt/memory rw - cgroup cgroup rw,memory\n"
      "34 24 0:29 /other /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
      "35 24 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n";
  const CgroupFacts facts = parse_cgroup_facts(
      "6:net_cls:/\n5:name=systemd:/user/1\n4:pids:/box\n3:memory:/elsewhere\n2:cpuacct,cpu:/a\nx\n:\n0::/\n",
      mounts);
  REQUIRE(facts.version1.size() == 4);  // net_cls is not mounted
  CHECK(facts.version1[0] ==
        CgroupHierarchy{{"name=systemd"}, "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/systemd/user/1"});
  CHECK(facts.version1[1] == CgroupHierarchy{{"pids"}, "/sys/fs/cgroup/pids", ""});
  CHECK(facts.version1[2] == CgroupHierarchy{{"memory"}, "/mnt/memory", "/mnt/memory/elsewhere"});
  CHECK(facts.version1[3] ==
        CgroupHierarchy{{"cpuacct", "cpu"}, "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/a"});
}

TEST_CASE("what is no such text is no cgroup") {
  CHECK(parse_cgroup_facts("", "") == CgroupFacts{});
  CHECK(parse_cgroup_facts("0::", "- cgroup2\n1 2 - cgroup2\n - \n x - cgroup2 y z") == CgroupFacts{});
  // Only what the kernel calls so.
  CHECK(parse_cgroup_facts("0::/a", "30 25 0:26 / /sys/fs/cgroup rw - cgroup3 x rw\n") == CgroupFacts{});
}

TEST_CASE("controllers are read from the directory") {
  const test::TempDirectory directory;
  CHECK(available_controllers(directory.path()).empty());
  const Fd file = *posix::open(directory.path("cgroup.controllers"), O_WRONLY | O_CREAT, 0644);
  REQUIRE(posix::write_full(file, "pids memory cpu\n"));
  const std::vector<std::string> found = available_controllers(directory.path());
  CHECK(found == std::vector<std::string>{"cpu", "memory", "pids"});
  CHECK(missing_controllers({"cpu", "cpuset", "io"}, found) == std::vector<std::string>{"cpuset", "io"});
  CHECK(missing_controllers({"cpu"}, found).empty());
}

TEST_CASE("a refusal has the reason and the fix") {
  const Error hybrid = explain_layout(CgroupLayout::hybrid, {"memory", "pids"});
  CHECK(hybrid.message().starts_with("limits of memory, pids cannot be set"));
  CHECK(hybrid.message().find("hybrid") != std::string::npos);
  CHECK(hybrid.hint_text().find("systemd.unified_cgroup_hierarchy=1") != std::string::npos);
  CHECK(explain_layout(CgroupLayout::none, {"cpu"}).message().find("no control groups") != std::string::npos);
  const Error missing = explain_missing({"cpuset"}, "/sys/fs/cgroup/x");
  CHECK(missing.message().starts_with("limits of cpuset cannot be set"));
  CHECK(missing.hint_text().find("systemctl edit user@.service") != std::string::npos);
}
