#include "run/plan/namespace_plan.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::run;

namespace {

std::string message_of(const oci::RuntimeConfig& config) {
  const auto checked = check_namespaces(config);
  return checked ? "" : checked.error().message();
}

}  // namespace

TEST_CASE("namespaces have to fit together") {
  oci::RuntimeConfig config;
  CHECK(message_of(config).empty());
  config.namespaces.emplace_back(oci::Namespace::ipc);
  CHECK(message_of(config) == "the ipc namespace is there twice in linux.namespaces");
  config = {};
  config.namespaces.emplace_back(oci::Namespace::user);
  CHECK(message_of(config) == "a new user namespace needs linux.uidMappings and linux.gidMappings");
  config.uid_mappings = config.gid_mappings = {{0, 1000, 1}};
  CHECK(message_of(config).empty());
  config.namespaces.pop_back();
  CHECK(message_of(config) ==
        "linux.uidMappings and linux.gidMappings need a user namespace in linux.namespaces");
  config = {};
  config.time_offsets = {{"boottime", {.seconds = 1}}};
  CHECK(message_of(config) == "linux.timeOffsets needs a new time namespace in linux.namespaces");
  config.namespaces.emplace_back(oci::Namespace::time);
  CHECK(message_of(config).empty());
  config.time_offsets = {{"realtime", {}}};
  CHECK(message_of(config) == "unknown clock 'realtime' in linux.timeOffsets");
}

TEST_CASE("time offsets as the kernel reads them") {
  CHECK(format_time_offsets({{"boottime", {.seconds = -5, .nanoseconds = 7}},
                             {"monotonic", {.seconds = 1}}}) == "boottime -5 7\nmonotonic 1 0\n");
}

TEST_CASE("what is joined by path must be a namespace of its kind") {
  oci::RuntimeConfig config;
  config.namespaces = {{oci::Namespace::mount}, {oci::Namespace::ipc, "/proc/self/ns/uts"}};
  auto opened = open_joined_namespaces(config);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message() == "'/proc/self/ns/uts' is not a ipc namespace");
  config.namespaces = {{oci::Namespace::ipc, "/dev/null"}};
  CHECK(open_joined_namespaces(config).error().kind() == ErrorKind::invalid);
  config.namespaces = {{oci::Namespace::ipc, "/does/not/exist"}};
  CHECK(open_joined_namespaces(config).error().kind() == ErrorKind::not_found);
  // The mount namespace is the last one, whatever the order in the config.
  config.namespaces = {{oci::Namespace::mount, "/proc/self/ns/mnt"},
                       {oci::Namespace::ipc, "/proc/self/ns/ipc"}};
  opened = open_joined_namespaces(config);
  REQUIRE(opened);
  REQUIRE(opened->size() == 2);
  CHECK(opened->back().flag == CLONE_NEWNS);
  // Our own user namespace cannot be entered again, and need not.
  config.namespaces = {{oci::Namespace::user, "/proc/self/ns/user"}};
  CHECK(open_joined_namespaces(config)->empty());
}
