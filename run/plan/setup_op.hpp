// What the stage does, as values. The plan is made by pure code (setup_plan.hpp), travels to the stage as
// bytes and is performed there by one loop (stage/). This file and setup_op.cpp are compiled into both sides.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "oci/runtime_config.hpp"
#include "run/capabilities.hpp"

namespace ecrin::run {

enum class SetupKind : std::uint64_t {
  loopback_up,       // the network namespace is new: lo
  root,              // `source` is the host's path of the root directory; everything below is relative to it
  mount,             // a new file system: `type`, `source`, `options`, `attributes` on `target`
  bind,              // `source` of the host, or `descriptor` (a detached mount from the parent), on `target`
  remount,           // what is mounted on `target` gets other `attributes` and `options`
  own_cgroup,        // bind of this process's cgroup on `target`: hierarchy `type`, mounted at `source`
  device,            // `node` at `target`, or a bind of the host's (`source`) where it may not be made
  symlink,           // `target` points to `source`; an existing name stays
  file,              // a file with the content `source` is mounted on `target`
  directory,         // `target` exists as a directory
  terminal,          // a new pty of the container's devpts; its slave is /dev/console and the program's stdio
  mask,              // nothing can be read below `target`
  read_only,         // nothing can be written below `target`
  sysctl,            // `source` is written to /proc/sys/`target`
  hostname,          // `source`
  domainname,        // `source`
  root_read_only,    // the root mount itself
  pivot,             // the host's tree is gone
  move_root,         // the same where pivot_root(2) shall not be used: the root is moved over the host's
  root_propagation,  // of "/" (`propagation`); only now, because pivot_root refuses shared mounts
  plain_root,        // `source` becomes the root directory, and nothing else changes (chroot_plan.hpp)
};
constexpr SetupKind k_last_setup_kind = SetupKind::plain_root;

/// What to do when the kernel does not allow a mount to this user (EPERM, EBUSY, ENODEV, EINVAL).
enum class SetupFallback : std::uint64_t {
  none,
  bind_host,        // bind `host`, recursively and with the same attributes
  empty_directory,  // an empty, read-only directory
};

/// MOUNT_ATTR_*. What is cleared is cleared first.
struct AttributeChange {
  std::uint64_t set = 0;
  std::uint64_t clear = 0;
  bool empty() const { return set == 0 && clear == 0; }
  bool operator==(const AttributeChange&) const = default;
};

/// See mknod(2).
struct DeviceNode {
  mode_t mode = 0;  // with S_IFCHR, S_IFBLK or S_IFIFO
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  bool required = true;  // else it is left out where the host has none
  bool operator==(const DeviceNode&) const = default;
};

struct SetupOp {
  SetupKind kind = SetupKind::pivot;
  std::string target;                      // path in the container, without a leading slash
  std::string source;                      // see SetupKind; of `mount`: what is mounted, "" = nothing real
  std::string type;                        // file system type of `mount`
  std::vector<std::string> options;        // "mode=1777", "newinstance": for the file system
  AttributeChange attributes;              // of the mount itself
  AttributeChange recursive_attributes;    // of it and of all mounts below it
  std::vector<std::uint64_t> propagation;  // MS_PRIVATE and so on, with or without MS_REC, in order
  bool recursive = false;                  // bind: with the mounts below
  bool copy_up = false;                    // mount: filled with what is at `target`
  std::optional<int> descriptor;           // number of the detached mount in the stage
  std::optional<DeviceNode> node;
  SetupFallback fallback = SetupFallback::none;
  std::string host;  // bind_host: the host's path; own_cgroup: the cgroup that is seen at `source`
  std::string hint;  // for the error when it fails
  bool operator==(const SetupOp&) const = default;
};

struct ResourceLimit {
  int resource = 0;  // RLIMIT_*
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const ResourceLimit&) const = default;
};

/// sched_setattr(2), in the kernel's numbers.
struct SchedulerPlan {
  std::uint64_t policy = 0, flags = 0;
  int nice = 0;
  int priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;
  bool operator==(const SchedulerPlan&) const = default;
};

/// Nanoseconds, of a thread that nobody changed. The number of a program's ids (run/owners/caller.hpp) is
/// added.
constexpr std::uint64_t k_usual_timer_slack = 50'000;

/// The program that the container is for.
struct ProcessPlan {
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::string cwd = "/";
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  bool set_groups = true;  // false where the user namespace forbids setgroups(2)
  std::optional<mode_t> umask;
  CapabilitySets capabilities;
  std::vector<ResourceLimit> limits;
  bool no_new_privileges = true;
  std::optional<int> oom_score_adj;
  std::optional<SchedulerPlan> scheduler;
  std::optional<int> io_priority;            // as ioprio_set(2) has it
  std::string stage_processors, processors;  // masks for sched_setaffinity(2): of the stage, of the program
  std::optional<std::uint64_t> personality;
  std::string apparmor_profile, selinux_label;
  bool terminal = false;
  oci::ConsoleSize console_size;    // 0 x 0: as the kernel makes it
  std::string seccomp;              // an array of sock_filter; "" = unconfined
  std::uint64_t seccomp_flags = 0;  // SECCOMP_FILTER_FLAG_*; with NEW_LISTENER somebody listens
  std::string owner_filter;         // an array of sock_filter: who keeps true owners answers for its calls
  std::uint64_t ids_number = 0;     // with that: which ids the program is told to have (Caller)
  std::vector<int> preserved;       // descriptors of the stage that become the program's 3, 4, ...; -1: none
  bool new_keyring = true;          // a session keyring of its own
  bool operator==(const ProcessPlan&) const = default;
};

struct JoinedNamespace {
  std::uint64_t kind = 0;  // CLONE_NEW*
  int descriptor = -1;
  bool operator==(const JoinedNamespace&) const = default;
};

/// Namespaces that the stage enters by itself, before all else: those that clone(2) cannot give it.
struct EntryPlan {
  std::vector<JoinedNamespace> joined;  // the mount namespace is the last one
  std::uint64_t created = 0;            // CLONE_NEW*
  std::string time_offsets;             // for /proc/self/timens_offsets
  int root = -1;                        // the root directory in them; -1: that of the mount namespace
  bool needed() const { return !joined.empty() || created != 0 || root >= 0; }
  bool operator==(const EntryPlan&) const = default;
};

struct SetupPlan {
  EntryPlan entry;
  std::vector<SetupOp> ops;
  ProcessPlan process;
  bool init = true;               // the stage stays as pid 1
  bool pid_namespace = true;      // pid 1 is really 1
  bool shares_mounts = false;     // no mount namespace of its own: the parent's
  bool reports_prepared = false;  // there are hooks: it stops before pivot_root until it is told to go on
  std::vector<oci::Hook> create_container, start_container;
  int control = -1;   // numbers of the stage's descriptors
  int lifeline = -1;  // -1: the container outlives who made it
  int gate = -1;      // -1: nothing to wait for
  int owners = -1;    // connected to who keeps true owners
  int listener = -1;  // connected to who listens for the filter's notifications
  bool operator==(const SetupPlan&) const = default;
};

std::string encode_plan(const SetupPlan& plan);
Result<SetupPlan> decode_plan(std::string_view bytes);

/// Messages between the stage and who it works for: one letter, then the payload.
enum class StageMessage : char {
  created = 'c',         // path of a mount point that was made
  terminal = 't',        // the terminal's name; the master comes along as a descriptor
  user_namespace = 'u',  // it was made and waits for its maps
  moved = 'm',           // the stage goes on as another child of its parent: the pid
  prepared = 'p',        // all but pivot_root: the hooks that run outside are due
  host_proc = 'h',       // the host's /proc is shown, because the kernel allows no new one
  waiting = 'w',         // at the gate
  ready = 'r',           // all is set up; the end of the stream now means that the program was executed
  error = 'e',           // Error::serialise(): the set-up failed, or the program cannot be executed
  // to the stage
  proceed = 'g',  // the answer to user_namespace and prepared; then with the states for hooks (a file)
  start = 's',    // at the gate
  enter = 'n',    // at the gate, and its answers: a descriptor each of the namespaces and the root directory
};
constexpr std::size_t k_stage_message_limit = 64 * 1024;
/// What hooks of the stage read: the container's state in the statuses creating and created.
struct HookStates {
  std::string creating, created;
  std::string listener;  // the container process state for who listens for the filter's notifications
};
std::string encode_states(const HookStates& states);
Result<HookStates> decode_states(std::string_view bytes);

/// What the stage's own tmpfs on the root directory is called in /proc/PID/mountinfo.
constexpr const char* k_scratch_source = "ecrin-container";

/// The plan is always this descriptor of the stage.
constexpr int k_stage_plan_descriptor = 3;

}  // namespace ecrin::run
