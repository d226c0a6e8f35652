#include "run/cgroup/cgroup_path.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

TEST_CASE("a cgroups path is absolute or from here, and leads nowhere else") {
  CHECK(*parse_cgroup_path("/a/b", "id", false) == CgroupPath{true, "a/b"});
  CHECK(*parse_cgroup_path("a//b/./c/", "id", false) == CgroupPath{false, "a/b/c"});
  CHECK(*parse_cgroup_path("/../../a", "id", false) == CgroupPath{true, "a"});
  CHECK(*parse_cgroup_path("a/../../b", "id", false) == CgroupPath{false, "b"});
  CHECK(*parse_cgroup_path("", "id", false) == CgroupPath{true, "ecrin/id"});
  CHECK(*parse_cgroup_path("", "id", true) == CgroupPath{false, "ecrin/id"});
  for (const std::string& bad : {std::string("/"), std::string(".."), std::string("a\nb"),
                                 std::string("a\0b", 3), std::string(5000, 'a'), "/" + std::string(256, 'a')})
    CHECK_FALSE(parse_cgroup_path(bad, "id", false));
}

TEST_CASE("a path for systemd is a slice, a prefix and a name") {
  CHECK(*parse_scope_name("user.slice:libpod:abc", "id", true) ==
        ScopeName{"user.slice", "libpod-abc.scope"});
  CHECK(*parse_scope_name("::abc", "id", true) == ScopeName{"user.slice", "abc.scope"});
  CHECK(*parse_scope_name(":x:abc", "id", false) == ScopeName{"system.slice", "x-abc.scope"});
  CHECK(*parse_scope_name("", "id", false) == ScopeName{"system.slice", "ecrin-id.scope"});
  for (const char* bad :
       {"/a/b", "a.slice:b", "a.slice:b:c:d", "a:b:c", "a.slice:b:c/d", "a.slice::", "a.slice:b:c.slice"})
    CHECK(parse_scope_name(bad, "id", false).error().kind() == ErrorKind::invalid);
}
