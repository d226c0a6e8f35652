#include "run/plan/setup_op.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

SetupPlan full_plan() {
  SetupPlan plan;
  plan.ops = {
      {.kind = SetupKind::root, .source = "/some/root"},
      {.kind = SetupKind::mount,
       .target = "dev",
       .type = "tmpfs",
       .options = {"mode=755", "size=1m"},
       .attributes = {.set = 6, .clear = 1},
       .recursive_attributes = {.set = 2, .clear = UINT64_MAX},
       .propagation = {3, 4},
       .copy_up = true,
       .fallback = SetupFallback::empty_directory,
       .host = "/dev",
       .hint = "try harder"},
      {.kind = SetupKind::device,
       .target = "dev/x",
       .node = DeviceNode{.mode = 020666, .major = 1, .minor = 3, .uid = 4, .gid = 5, .required = false}},
      {.kind = SetupKind::bind, .target = "mnt", .source = "/x", .recursive = true, .descriptor = 0},
      {.kind = SetupKind::pivot}};
  plan.process = {
      .args = {"sh", "-c", ""},
      .env = {"A=b", std::string("N=\0x", 4)},
      .cwd = "/w",
      .uid = 33,
      .gid = UINT32_MAX - 1,
      .groups = {1, 2, 3},
      .set_groups = false,
      .umask = 077,
      .capabilities =
          {.bounding = UINT64_MAX, .effective = 1, .permitted = 2, .inheritable = 4, .ambient = 8},
      .limits = {{.resource = 7, .soft = 1, .hard = UINT64_MAX}},
      .no_new_privileges = false,
      .oom_score_adj = -17,
      .scheduler =
          SchedulerPlan{
              .policy = 1, .flags = 2, .nice = -3, .priority = 4, .runtime = 5, .deadline = 6, .period = 7},
      .io_priority = 1 << 13,
      .stage_processors = "\1",
      .processors = std::string("\0\2", 2),
      .personality = 8,
      .apparmor_profile = "profile",
      .selinux_label = "label",
      .terminal = true,
      .console_size = {.height = 24, .width = 80},
      .seccomp = std::string(64, '\1'),
      .seccomp_flags = 8,
      .preserved = {20, -1, 21},
      .new_keyring = false};
  plan.entry = {
      .joined = {{.kind = 1, .descriptor = 30}}, .created = 2, .time_offsets = "monotonic 1 0\n", .root = 31};
  plan.reports_prepared = true;
  plan.create_container = {{.path = "/a", .args = {"a", "b"}, .env = {"X=y"}, .timeout = 3}};
  plan.start_container = {{.path = "/b"}};
  plan.init = false;
  plan.pid_namespace = false;
  plan.control = 9;
  plan.lifeline = 11;
  plan.gate = 12;
  plan.listener = 13;
  return plan;
}

}  // namespace

TEST_CASE("a plan survives its encoding") {
  const SetupPlan plan = full_plan();
  const auto decoded = decode_plan(encode_plan(plan));
  REQUIRE(decoded);
  CHECK(*decoded == plan);
  CHECK(decode_plan(encode_plan(SetupPlan())).value() == SetupPlan());
}

TEST_CASE("a damaged plan is refused at every length") {
  const std::string bytes = encode_plan(full_plan());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE_FALSE(decode_plan(std::string_view(bytes).substr(0, length)));
  CHECK_FALSE(decode_plan(bytes + "x"));
}

TEST_CASE("an unknown operation is refused") {
  SetupPlan plan;
  plan.ops = {{.kind = static_cast<SetupKind>(99)}};
  CHECK_FALSE(decode_plan(encode_plan(plan)));
}
