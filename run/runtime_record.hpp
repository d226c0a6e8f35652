// What the OCI runtime knows of a container between its commands, as a value, and its documents: its own
// state.json, and the state that hooks and engines read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "run/cgroup/cgroup_state.hpp"

namespace ecrin::run {

/// The runtime-spec's statuses, and "paused" of runc and crun.
enum class ContainerStatus { creating, created, running, paused, stopped };
std::string_view to_string(ContainerStatus status);

/// A process that no later one with the same number can be taken for.
struct ProcessName {
  pid_t pid = 0;                 // 0: none yet
  std::uint64_t start_time = 0;  // clock ticks since the boot
  std::string boot;              // the kernel's id of it
  bool operator==(const ProcessName&) const = default;
};
Result<ProcessName> name_process(pid_t pid);
/// Has it not ended? One that only waits to be waited for has.
bool is_alive(const ProcessName& process);

struct ContainerRecord {
  std::string id;
  ProcessName process;  // the container's first
  std::string bundle;   // absolute
  std::string rootfs;   // absolute
  std::string created;  // RFC 3339
  uid_t owner = 0;
  std::map<std::string, std::string> annotations;
  CgroupState cgroup;
  bool own_pid_namespace = true;  // all of its processes end with the first
  bool shares_mounts = false;     // its mounts are the runtime's too (shared_mounts.hpp)
  bool late_hooks = false;        // config.json has some for after the start or the end
  bool operator==(const ContainerRecord&) const = default;
};
Json record_to_json(const ContainerRecord& record);
Result<ContainerRecord> record_from_json(std::string_view text);

/// Now, with nanoseconds: "2026-01-31T12:00:00.123456789Z".
std::string creation_time();

/// The state as hooks and engines read it (runtime.md, "State"), with what runc and crun add.
Json state_document(const ContainerRecord& record, ContainerStatus status);

/// Letters, digits and "_+-.", at most 255, no dot in front.
Result<> check_container_id(std::string_view id);

}  // namespace ecrin::run
