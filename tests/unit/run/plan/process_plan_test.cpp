#include "run/plan/process_plan.hpp"

#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>

#include "base/log.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

PlanFacts facts() {
  PlanFacts facts;
  facts.uids = facts.gids = {{.container_id = 0, .host_id = 1000, .size = 1000}};
  facts.leaves_out_groups = false;
  return facts;
}

oci::RuntimeProcess process() {
  oci::RuntimeProcess process;
  process.args = {"sh"};
  return process;
}

std::string message_of(const oci::RuntimeProcess& process, const PlanFacts& facts_here = facts()) {
  const auto plan = make_process_plan(process, facts_here);
  return plan ? "" : plan.error().message();
}

}  // namespace

TEST_CASE("the five sets of capabilities are taken as they are") {
  const auto sets = parse_capability_sets({.bounding = {"CAP_KILL", "CAP_CHOWN"},
                                           .effective = {"CAP_KILL"},
                                           .permitted = {"CAP_KILL", "CAP_CHOWN"},
                                           .inheritable = {"CAP_KILL"},
                                           .ambient = {"CAP_KILL"}},
                                          ~CapabilitySet{});
  REQUIRE(sets);
  const CapabilitySet kill = capability_bit(CAP_KILL);
  const CapabilitySet both = kill | capability_bit(CAP_CHOWN);
  CHECK(*sets == CapabilitySets{both, kill, both, kill, kill});
}

TEST_CASE("ambient capabilities are those that are permitted and inheritable") {
  const auto sets = parse_capability_sets({.bounding = {"CAP_KILL", "CAP_CHOWN"},
                                           .effective = {},
                                           .permitted = {"CAP_KILL", "CAP_CHOWN"},
                                           .inheritable = {"CAP_KILL"},
                                           .ambient = {"CAP_KILL", "CAP_CHOWN"}},
                                          ~CapabilitySet{});
  REQUIRE(sets);
  CHECK(sets->ambient == capability_bit(CAP_KILL));
}

TEST_CASE("sets that the kernel would refuse are errors that name the capability") {
  const auto message = [](const oci::Capabilities& names) {
    const auto sets = parse_capability_sets(names, ~CapabilitySet{});
    return sets ? "" : sets.error().message();
  };
  CHECK(message(
            {.bounding = {}, .effective = {"CAP_KILL"}, .permitted = {}, .inheritable = {}, .ambient = {}}) ==
        "the effective capability CAP_KILL is not permitted");
  CHECK(message(
            {.bounding = {}, .effective = {}, .permitted = {}, .inheritable = {"CAP_KILL"}, .ambient = {}}) ==
        "the inheritable capability CAP_KILL is not in the bounding set");
}

TEST_CASE("an unknown capability is left out with one warning") {
  std::vector<std::string> told;
  log::set_handler(log::Level::warning,
                   [&told](log::Level, const std::string& message) { told.push_back(message); });
  const auto sets = parse_capability_sets(oci::Capabilities::of({"CAP_KILL", "CAP_FLY"}), ~CapabilitySet{});
  log::set_handler(log::Level::warning, {});
  REQUIRE(sets);
  CHECK(sets->bounding == capability_bit(CAP_KILL));
  CHECK(sets->permitted == capability_bit(CAP_KILL));
  REQUIRE(told.size() == 1);
  CHECK(told.front() == "unknown capability 'CAP_FLY': it is left out");
}

TEST_CASE("capabilities that cannot be ambient are left out") {
  const auto sets = parse_capability_sets({.bounding = {"CAP_KILL", "CAP_CHOWN", "CAP_FOWNER"},
                                           .effective = {},
                                           .permitted = {"CAP_KILL", "CAP_CHOWN"},
                                           .inheritable = {"CAP_KILL", "CAP_FOWNER"},
                                           .ambient = {"CAP_KILL", "CAP_CHOWN", "CAP_FOWNER"}},
                                          ~CapabilitySet{});
  REQUIRE(sets);
  CHECK(sets->ambient == capability_bit(CAP_KILL));
}

TEST_CASE("capabilities that an older kernel lacks are left out") {
  const auto sets = parse_capability_sets(oci::Capabilities::of({"CAP_KILL", "CAP_CHECKPOINT_RESTORE"}),
                                          capability_bit(CAP_KILL) | 1);
  REQUIRE(sets);
  CHECK(sets->bounding == capability_bit(CAP_KILL));
}

TEST_CASE("limits: each once, none above its hard one") {
  oci::RuntimeProcess wanted = process();
  wanted.rlimits = {{"RLIMIT_CPU", 1, 2}, {"RLIMIT_CORE", 0, 0}};
  CHECK(make_process_plan(wanted, facts())->limits.size() == 2);
  wanted.rlimits = {{"RLIMIT_CPU", 1, 2}, {"RLIMIT_CPU", 1, 2}};
  CHECK(message_of(wanted) == "the limit RLIMIT_CPU is there twice");
  wanted.rlimits = {{"RLIMIT_CPU", 3, 2}};
  CHECK(message_of(wanted) == "the soft limit of RLIMIT_CPU is above the hard limit");
  wanted.rlimits = {{"RLIMIT_FLY", 1, 2}};
  CHECK(message_of(wanted) == "unknown resource limit 'RLIMIT_FLY'");
}

TEST_CASE("groups that are not mapped are an error, or left out") {
  oci::RuntimeProcess wanted = process();
  wanted.additional_gids = {5, 1000};
  CHECK(message_of(wanted).starts_with("group id 1000"));
  PlanFacts lenient = facts();
  lenient.leaves_out_groups = true;
  CHECK(make_process_plan(wanted, lenient)->groups == std::vector<gid_t>{5});
}

TEST_CASE("labels need somebody who enforces them") {
  oci::RuntimeProcess wanted = process();
  wanted.apparmor_profile = "tight";
  CHECK(message_of(wanted) == "the AppArmor profile 'tight' cannot be used: AppArmor is off here");
  PlanFacts apparmor = facts();
  apparmor.apparmor = true;
  CHECK(make_process_plan(wanted, apparmor)->apparmor_profile == "tight");
  wanted.apparmor_profile = "unconfined";
  CHECK(make_process_plan(wanted, facts())->apparmor_profile.empty());
  wanted.selinux_label = "system_u:system_r:container_t:s0";
  CHECK(message_of(wanted).starts_with("the SELinux label"));
}

TEST_CASE("schedulers by name") {
  const auto plan = parse_scheduler({.policy = "SCHED_DEADLINE",
                                     .flags = {"SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_DL_OVERRUN"},
                                     .runtime = 1,
                                     .deadline = 2,
                                     .period = 3});
  REQUIRE(plan);
  CHECK(*plan == SchedulerPlan{.policy = 6, .flags = 5, .runtime = 1, .deadline = 2, .period = 3});
  CHECK(parse_scheduler({.policy = "SCHED_BATCH", .nice = 7})->nice == 7);
  CHECK(parse_scheduler({.policy = "SCHED_NEVER"}).error().message() ==
        "unknown scheduling policy 'SCHED_NEVER'");
  CHECK_FALSE(parse_scheduler({.policy = "SCHED_RR", .flags = {"SCHED_FLAG_FLY"}}));
}

TEST_CASE("I/O priorities by name") {
  CHECK(parse_io_priority({.io_class = "IOPRIO_CLASS_BE", .priority = 4}).value() == ((2 << 13) | 4));
  CHECK(parse_io_priority({.io_class = "IOPRIO_CLASS_IDLE", .priority = 0}).value() == 3 << 13);
  CHECK_FALSE(parse_io_priority({.io_class = "IOPRIO_CLASS_BE", .priority = 8}));
  CHECK_FALSE(parse_io_priority({.io_class = "IOPRIO_CLASS_NONE", .priority = 0}));
}

TEST_CASE("personalities by name") {
  CHECK(parse_personality({.domain = "LINUX32"}).value() == 8);
  CHECK(parse_personality({.domain = "LINUX"}).value() == 0);
  CHECK_FALSE(parse_personality({.domain = "BSD"}));
  CHECK_FALSE(parse_personality({.domain = "LINUX", .flags = {"ADDR_NO_RANDOMIZE"}}));
}

TEST_CASE("lists of processors become masks of whole words") {
  CHECK(parse_processor_list("").value().empty());
  CHECK(parse_processor_list("0").value() == std::string("\1\0\0\0\0\0\0\0", 8));
  CHECK(parse_processor_list("0-3,7").value() == std::string("\x8f\0\0\0\0\0\0\0", 8));
  CHECK(parse_processor_list("64").value() == std::string("\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 16));
  for (const char* bad : {",", "a", "3-1", "1-", "-1", "0,", "9999999999", "8192", "1 "}) {
    INFO(bad);
    CHECK_FALSE(parse_processor_list(bad));
  }
}
