#include "run/chroot/chroot_plan.hpp"

#include <linux/capability.h>

#include <algorithm>

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

using Kind = Placement::Kind;

PlanFacts facts() {
  PlanFacts facts;
  facts.uids = facts.gids = {{.container_id = 0, .host_id = 0, .size = UINT32_MAX}};
  return facts;
}

oci::RuntimeConfig config() {
  oci::RuntimeConfig config = oci::default_runtime_config(oci::ImageConfig());
  config.process.args = {"true"};
  config.process.no_new_privileges = false;
  return config;
}

ChrootRequest request() {
  return {.rootfs = "/tree",
          .network = NetworkMode::host,
          .managed_files = {{"/etc/hosts", "127.0.0.1 localhost\n"}},
          .present = ~CapabilitySet{},
          .fix = "the fix"};
}

const Placement* placed(const ChrootPlan& plan, const std::string& target) {
  const auto found = std::ranges::find(plan.placements, target, &Placement::target);
  return found == plan.placements.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("without namespaces the usual mounts become directories, and files are put into the tree") {
  const auto plan = make_chroot_plan(config(), facts(), request());
  REQUIRE(plan);
  REQUIRE(placed(*plan, "proc"));
  CHECK(placed(*plan, "proc")->kind == Kind::mount_point);
  CHECK(placed(*plan, "sys")->kind == Kind::mount_point);
  CHECK(placed(*plan, "dev")->kind == Kind::directory);
  CHECK(placed(*plan, "dev/shm")->mode == 01777);
  CHECK(placed(*plan, "dev/null")->kind == Kind::device);
  CHECK(placed(*plan, "dev/fd")->source == "/proc/self/fd");
  CHECK(placed(*plan, "etc/hosts")->source == "127.0.0.1 localhost\n");
  CHECK_FALSE(placed(*plan, "sys/fs/cgroup"));
  REQUIRE(plan->setup.ops.size() == 1);
  CHECK(plan->setup.ops.front().kind == SetupKind::plain_root);
  CHECK(plan->setup.ops.front().source == "/tree");
  CHECK_FALSE(plan->setup.pid_namespace);
  CHECK(plan->setup.process.no_new_privileges);
}

TEST_CASE("without namespaces binds of a build are copies, and those of a user are refused") {
  oci::RuntimeConfig wanted = config();
  wanted.mounts.push_back({"/cache", "bind", "/store/cache", {"bind", "rw"}, {}, {}});
  wanted.mounts.push_back({"/src", "bind", "/store/src", {"bind", "ro"}, {}, {}});
  ChrootRequest build = request();
  build.copies_binds = true;
  build.kept_sources = {"/store/cache"};
  const auto plan = make_chroot_plan(wanted, facts(), build);
  REQUIRE(plan);
  CHECK(placed(*plan, "cache")->is_kept);
  CHECK(placed(*plan, "src")->kind == Kind::copy);
  CHECK_FALSE(placed(*plan, "src")->is_kept);
  const auto refused = make_chroot_plan(wanted, facts(), request());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::unsupported);
  CHECK(refused.error().hint_text() == "the fix");
}

TEST_CASE("without namespaces there is the network that is here, and no other") {
  for (const NetworkMode mode : {NetworkMode::none, NetworkMode::private_network}) {
    ChrootRequest wanted = request();
    wanted.network = mode;
    const auto refused = make_chroot_plan(config(), facts(), wanted);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::unsupported);
  }
  oci::RuntimeConfig read_only = config();
  read_only.root_read_only = true;
  CHECK_FALSE(make_chroot_plan(read_only, facts(), request()));
}

TEST_CASE("the bounding set stays where this process may not change it") {
  ChrootRequest wanted = request();
  CHECK(make_chroot_plan(config(), facts(), wanted)->setup.process.capabilities.bounding != ~CapabilitySet{});
  wanted.present = capability_bit(CAP_SYS_CHROOT);
  CHECK(make_chroot_plan(config(), facts(), wanted)->setup.process.capabilities.bounding == ~CapabilitySet{});
}
