#include "run/cgroup/cgroup_container.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/posix.hpp"
#include "run/cgroup/cgroup_devices.hpp"
#include "run/cgroup/cgroup_files.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

// Directories and files as a cgroup file system has them.
class Tree {
public:
  void directory(const std::string& name) { REQUIRE(posix::make_directories(path(name), 0755)); }
  void file(const std::string& name, std::string_view text = "") {
    const Fd opened = *posix::open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    REQUIRE(posix::write_full(opened, text));
  }
  std::string text(const std::string& name) const { return posix::read_file(path(name)).value_or("(none)"); }
  bool has(const std::string& name) const { return has_cgroup_file(path(name)); }
  std::string path(const std::string& name = "") const { return m_directory.path(name); }

private:
  test::TempDirectory m_directory;
};

CgroupFacts version2(const Tree& tree) {
  return {.layout = CgroupLayout::version2,
          .mount = tree.path("v2"),
          .directory = tree.path("v2"),
          .version1 = {}};
}

// The controllers are in version 1, an empty version 2 is beside it.
CgroupFacts hybrid(Tree& tree) {
  CgroupFacts facts{
      .layout = CgroupLayout::hybrid, .mount = tree.path("v2"), .directory = tree.path("v2"), .version1 = {}};
  tree.directory("v2");
  tree.file("v2/cgroup.procs");
  for (const char* name : {"memory", "pids", "cpuset", "freezer"}) {
    tree.directory(name);
    facts.version1.push_back({{name}, tree.path(name), tree.path(name)});
  }
  return facts;
}

CgroupRequest request(std::string path, oci::Resources resources = {}) {
  CgroupRequest made;
  made.container_id = "box";
  made.cgroups_path = std::move(path);
  made.rootless = false;
  made.resources = std::move(resources);
  return made;
}

}  // namespace

TEST_CASE("a cgroup of version 2 gets its controllers on the way down, and its limits") {
  Tree tree;
  tree.directory("v2/a/b");
  for (const char* directory : {"v2", "v2/a"}) {
    tree.file(std::string(directory) + "/cgroup.controllers", "cpu memory pids misc\n");
    tree.file(std::string(directory) + "/cgroup.subtree_control", "cpu\n");
  }
  tree.file("v2/a/b/cgroup.procs");
  tree.file("v2/a/b/memory.max");
  tree.file("v2/a/b/pids.max");
  const auto cgroup =
      create_container_cgroup(request("/a/b", {.memory = {.limit = 4096}, .pids = 7}), version2(tree));
  REQUIRE(cgroup);
  CHECK(cgroup->exists());
  CHECK(cgroup->directory() == tree.path("v2/a/b"));
  // Written last, over what was there; "misc" is not wanted.
  CHECK(tree.text("v2/a/cgroup.subtree_control").starts_with("+pids"));
  CHECK(tree.text("v2/a/b/memory.max") == "4096");
  CHECK(tree.text("v2/a/b/pids.max") == "7");
  CHECK(cgroup->processes()->size() == 1);

  // What was written is found again by the state.
  const auto state = cgroup_state_from_json(cgroup_state_to_json(cgroup->state()));
  REQUIRE(state);
  CHECK(*state == cgroup->state());
  tree.file("v2/a/b/cgroup.procs", "3\n2\n");
  tree.directory("v2/a/b/below");
  tree.file("v2/a/b/below/cgroup.procs", "1\n");
  CHECK(*ContainerCgroup(*state).pids() == std::vector<pid_t>{1, 2, 3});
}

TEST_CASE("what version 2 lacks is an error with its name, and leaves nothing") {
  Tree tree;
  tree.directory("v2");
  tree.file("v2/cgroup.controllers", "cpu\n");
  tree.file("v2/cgroup.subtree_control", "");
  const auto missing = create_container_cgroup(request("/new/box", {.pids = 7}), version2(tree));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message().starts_with("limits of pids cannot be set"));
  CHECK_FALSE(tree.has("v2/new"));
  // The directory is made, and has no such file.
  const auto no_file = create_container_cgroup(request("/new", {.cpu = {.burst = 7}}), version2(tree));
  REQUIRE_FALSE(no_file);
  CHECK(no_file.error().message() ==
        "linux.resources.cpu.burst cannot be had: the kernel of this host has no cpu.max.burst");
  CHECK_FALSE(tree.has("v2/new"));
}

TEST_CASE("a cgroup with processes is not taken") {
  Tree tree;
  tree.directory("v2/a");
  tree.file("v2/a/cgroup.procs", "1\n");
  const auto cgroup = create_container_cgroup(request("/a"), version2(tree));
  REQUIRE_FALSE(cgroup);
  CHECK(cgroup.error().kind() == ErrorKind::conflict);
  CHECK(tree.has("v2/a"));
}

TEST_CASE("a cgroup of version 1 with processes is not taken, nor a frozen one") {
  Tree tree;
  const CgroupFacts facts = hybrid(tree);
  for (const char* name :
       {"cpuset/cpuset.cpus", "cpuset/cpuset.mems", "cpuset/a/cpuset.cpus", "cpuset/a/cpuset.mems"}) {
    tree.directory("cpuset/a");
    tree.file(name, "0\n");
  }
  for (const char* name : {"memory", "pids", "cpuset", "freezer", "v2"}) {
    tree.directory(std::string(name) + "/a");
    tree.file(std::string(name) + "/a/cgroup.procs");
  }
  tree.file("freezer/a/freezer.state", "THAWED\n");
  CHECK(create_container_cgroup(request("/a"), facts));
  tree.file("memory/a/cgroup.procs", "1\n");
  const auto full = create_container_cgroup(request("/a"), facts);
  REQUIRE_FALSE(full);
  CHECK(full.error().kind() == ErrorKind::conflict);
  CHECK(full.error().message().find("is not empty") != std::string::npos);
  tree.file("memory/a/cgroup.procs");
  for (const char* state : {"FROZEN\n", "FREEZING\n"}) {
    tree.file("freezer/a/freezer.state", state);
    const auto frozen = create_container_cgroup(request("/a"), facts);
    REQUIRE_FALSE(frozen);
    CHECK(frozen.error().message().find("frozen") != std::string::npos);
  }
  CHECK(tree.has("freezer/a"));
}

TEST_CASE("among threaded cgroups a new one is threaded") {
  Tree tree;
  tree.directory("v2/a");
  tree.file("v2/cgroup.controllers", "cpu memory\n");
  tree.file("v2/cgroup.subtree_control", "cpu memory\n");
  tree.file("v2/a/cgroup.type", "domain invalid\n");
  tree.file("v2/a/cpu.weight");
  tree.file("v2/a/memory.max");
  REQUIRE(create_container_cgroup(request("/a", {.cpu = {.shares = 1024}}), version2(tree)));
  CHECK(tree.text("v2/a/cgroup.type") == "threadednvalid\n");  // written over the beginning
  tree.file("v2/a/cgroup.type", "domain invalid\n");
  const auto refused = create_container_cgroup(request("/a", {.memory = {.limit = 1}}), version2(tree));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message().find("threaded cgroups") != std::string::npos);
}

TEST_CASE("in the hybrid layout there is a directory in each hierarchy") {
  Tree tree;
  const CgroupFacts facts = hybrid(tree);
  tree.file("cpuset/cpuset.cpus", "0-3\n");
  tree.file("cpuset/cpuset.mems", "0\n");
  for (const char* name : {"memory", "pids", "cpuset", "freezer", "v2"}) {
    tree.directory(std::string(name) + "/ecrin/box");
    tree.file(std::string(name) + "/ecrin/box/cgroup.procs");
  }
  for (const char* directory : {"cpuset/ecrin/", "cpuset/ecrin/box/"})
    for (const char* file : {"cpuset.cpus", "cpuset.mems"}) tree.file(std::string(directory) + file, "\n");
  tree.file("memory/ecrin/box/memory.limit_in_bytes");
  tree.file("freezer/ecrin/box/freezer.state", "THAWED\n");
  const auto cgroup = create_container_cgroup(request("", {.memory = {.limit = 4096}}), facts);
  REQUIRE(cgroup);
  CHECK(cgroup->state().version == 1);
  CHECK(cgroup->state().directories.size() == 5);
  CHECK(cgroup->processes()->size() == 5);
  CHECK(tree.text("memory/ecrin/box/memory.limit_in_bytes") == "4096");
  CHECK(tree.text("cpuset/ecrin/box/cpuset.cpus").starts_with("0-3"));
  CHECK(*cgroup->frozen() == false);
  CHECK(cgroup->directory() == tree.path("freezer/ecrin/box"));
}

TEST_CASE("who has no privileges and asks for nothing needs no cgroup") {
  Tree tree;
  tree.directory("v2");
  CgroupFacts facts = version2(tree);
  facts.directory.clear();  // not to be seen from here
  CgroupRequest asked = request("");
  asked.rootless = true;
  const auto none = create_container_cgroup(asked, facts);
  REQUIRE(none);
  CHECK_FALSE(none->exists());
  CHECK(none->processes()->empty());
  CHECK(none->remove());
  CHECK(none->apply({}));
  CHECK_FALSE(none->pids());
  CHECK_FALSE(none->freeze());
  CHECK_FALSE(none->kill());
  CHECK_FALSE(none->apply({.pids = 5}));
  CHECK(*cgroup_state_from_json(cgroup_state_to_json(none->state())) == none->state());

  asked.resources.pids = 5;
  const auto limited = create_container_cgroup(asked, facts);
  REQUIRE_FALSE(limited);
  CHECK(limited.error().message().starts_with("limits of pids cannot be set"));
  CHECK_FALSE(limited.error().hint_text().empty());
  CHECK_FALSE(create_container_cgroup(asked, CgroupFacts{}));
  asked.resources.pids.reset();
  CHECK_FALSE(create_container_cgroup(asked, CgroupFacts{})->exists());
  asked.cgroups_path = "some/where";
  CHECK_FALSE(create_container_cgroup(asked, facts));
}

TEST_CASE("an update below what is used is refused when that was asked for") {
  Tree tree;
  tree.file("memory.current", "5000\n");
  tree.file("memory.max", "max\n");
  const ContainerCgroup cgroup({.version = 2, .directories = {{{}, tree.path()}}, .unit = {}, .bus = {}});
  const auto refused = cgroup.apply({.memory = {.limit = 4096, .check_before_update = true}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message().find("checkBeforeUpdate") != std::string::npos);
  CHECK(tree.text("memory.max") == "max\n");
  CHECK(cgroup.apply({.memory = {.limit = 4096}}));
}

TEST_CASE("a state that is none is refused") {
  for (const Json& bad : {Json(), Json::array(), Json{{"version", 3}}, Json{{"version", 2}},
                          Json{{"version", 2}, {"directories", {5}}},
                          Json{{"version", 2}, {"directories", {{{"path", "relative"}}}}},
                          Json{{"version", 0}, {"directories", {{{"path", "/a/b"}}}}}})
    CHECK_FALSE(cgroup_state_from_json(bad));
}

TEST_CASE("a new period leaves the quota, and a new quota the period") {
  Tree tree;
  tree.file("cpu.max", "20000 50000\n");
  const ContainerCgroup cgroup({.version = 2, .directories = {{{}, tree.path()}}, .unit = {}, .bus = {}});
  REQUIRE(cgroup.apply({.cpu = {.period = 80'000}}));
  CHECK(tree.text("cpu.max").starts_with("20000 80000"));
  tree.file("cpu.max", "20000 50000\n");
  REQUIRE(cgroup.apply({.cpu = {.quota = 10'000}}));
  CHECK(tree.text("cpu.max").starts_with("10000 50000"));
  tree.file("cpu.max", "max 100000\n");
  REQUIRE(cgroup.apply({.cpu = {.period = 80'000}}));
  CHECK(tree.text("cpu.max").starts_with("max 80000"));
}

TEST_CASE("what cannot be had is found before anything is written or told to systemd") {
  Tree tree;
  tree.directory("pids");
  tree.file("pids/pids.max", "max");
  CgroupState state{.version = 1, .directories = {{{"pids"}, tree.path("pids")}}, .unit = {}, .bus = {}};
  if (may_limit_devices()) {
    const auto refused = ContainerCgroup(state).apply({.pids = 5, .devices = {{.allow = true}}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("controller devices") != std::string::npos);
    CHECK(tree.text("pids/pids.max") == "max");
  }
  state.unit = "ecrin-box.scope";
  state.bus = "unix:path=" + tree.path("nobody-listens");
  const auto refused = ContainerCgroup(state).apply({.memory = {.limit = 4096}, .pids = 5});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message().find("controller memory") != std::string::npos);
}
