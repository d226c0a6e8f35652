// The stage: a small static program that is the first process of a container. It is single-threaded, has
// nothing of the parent's memory, and performs the plan it was given: operations first (perform), then the
// program, either in its own place or as a child of pid 1 (init).
//
// The root directory was written by somebody else. It is only ever reached through `root`, with lookups that
// cannot leave it (target.cpp); no path inside it is given to the kernel as a string before pivot_root.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "run/message_socket.hpp"
#include "run/plan/setup_op.hpp"

namespace ecrin::run::stage {

struct Stage {
  SetupPlan plan;
  Fd control;   // to the parent; close-on-exec, so that its end tells of the exec
  Fd lifeline;  // ends when the parent dies; none: it may
  Fd gate;      // where the container waits to be started; none: it need not
  Fd proc;      // the host's /proc, where it is needed after pivot_root
  Fd root;      // the root directory of the container, once `root` was performed
  std::uint64_t root_mount = 0;
  Fd scratch;  // a tmpfs that is mounted below `root`: what is bound out of it leaves no trace in the image
  unsigned scratch_files = 0;
  // The file systems that the kernel's own files are in, once mounted: "proc", "sys".
  std::vector<std::pair<std::string, Fd>> kernel_files;
  Fd terminal;                 // the slave end
  std::string created_state;   // for the hooks at the start
  Fd owners;                   // connected to who keeps true owners
  Fd listener;                 // connected to who listens for the filter's notifications
  std::string listener_state;  // what is told there
};

// report.cpp
Result<> report(const Stage& stage, StageMessage kind, std::string_view payload = {},
                const Fd* descriptor = nullptr);
/// Until the parent says so.
Result<Message> wait_for_answer(const Stage& stage);
Result<> wait_to_proceed(const Stage& stage);
/// Until somebody starts the container, who takes the place of the parent.
Result<> wait_at_gate(Stage& stage);

// enter.cpp
Result<> enter_namespaces(Stage& stage);

// labels.cpp
Result<> set_oom_score(const ProcessPlan& process);
Result<> open_host_proc(Stage& stage);
Result<> set_exec_labels(const Stage& stage);

// perform.cpp
Result<> perform(Stage& stage, const SetupOp& op);

// target.cpp: places in the root directory
enum class TargetKind { directory, file };
/// Opens (O_PATH) what is at `path`, and makes it first where it is missing. What is made in the image's own
/// tree is reported to the parent.
Result<Fd> open_target(const Stage& stage, const std::string& path, TargetKind kind);
/// What a mount point has to be for this.
Result<TargetKind> kind_of(const Fd& fd);
/// Opens what is there already, without waiting for the peer of a pipe. What lies below a /proc or /sys that
/// we mounted is found there, whatever the names in the root directory lead to by now.
Result<Fd> open_existing(const Stage& stage, const std::string& path, int flags = O_PATH);
/// Identifies the mount that a descriptor is on.
Result<std::uint64_t> mount_id(const Fd& fd);
/// "a/b/c" to "a/b" and "c".
std::pair<std::string, std::string> split_last(const std::string& path);

// root.cpp: the root directory, and the end of the host's
Result<> enter_root(Stage& stage, const SetupOp& op);
Result<> make_root_read_only(Stage& stage);
Result<> pivot(Stage& stage);
Result<> move_root(Stage& stage);
Result<> propagate_root(const SetupOp& op);
Result<> enter_plain_root(Stage& stage, const SetupOp& op);

// mounts.cpp
Result<> mount_new(Stage& stage, const SetupOp& op);
Result<> mount_bind(Stage& stage, const SetupOp& op);
Result<> mount_file(Stage& stage, const SetupOp& op);
Result<> mount_own_cgroup(Stage& stage, const SetupOp& op);
Result<> remount(Stage& stage, const SetupOp& op);
/// With the attributes and propagation of `op`.
Result<> attach_as(Stage& stage, const SetupOp& op, const Fd& mount, TargetKind kind);

// masks.cpp: parts of the tree that cannot be read or written, and settings of the kernel
Result<> mount_mask(Stage& stage, const SetupOp& op);
Result<> make_read_only(Stage& stage, const SetupOp& op);
Result<> set_sysctl(Stage& stage, const SetupOp& op);
/// Something read-only and empty.
Result<> cover_with_empty_directory(Stage& stage, const Fd& target, const std::string& where);

// devices.cpp
Result<> make_device(Stage& stage, const SetupOp& op);

// copy_up.cpp
/// Everything below `from`, with owners, modes, times and attributes, to the empty directory `to`.
Result<> copy_up(const Fd& from, const Fd& to);

// mount_calls.cpp: the new mount API as Results
struct NewMount {
  std::string type;
  std::string source;  // "": the type's name
  std::vector<std::string> options;
  std::uint64_t attributes = 0;
};
Result<Fd> new_mount(const NewMount& wanted);
/// False: an option is longer than fsconfig(2) takes (the lower directories of an overlay).
bool takes_new_calls(const NewMount& wanted);
/// By mount(2), on a new directory of this name.
Result<Fd> new_mount_by_path(const Fd& directory, const std::string& name, const NewMount& wanted);
/// Other options for the file system that is mounted here.
Result<> reconfigure(const Fd& target, const std::vector<std::string>& options, const std::string& where);
enum class Depth { one, recursive };
/// A detached copy of the mount at `path` below `directory` ("" = the descriptor itself).
Result<Fd> clone_mount(int directory, const std::string& path, Depth depth);
Result<> attach(const Fd& mount, const Fd& target, const std::string& where);
Result<> set_attributes(const Fd& mount, const AttributeChange& attributes, Depth depth,
                        const std::string& where);
Result<> set_propagation(const Fd& mount, const std::vector<std::uint64_t>& kinds, const std::string& where);

// terminal.cpp
/// The program's stdio is the slave end of a new terminal.
Result<> make_terminal(Stage& stage, const SetupOp& op);
/// The same in a container that runs, from its root directory.
Result<> make_exec_terminal(Stage& stage);

// identity.cpp
/// The program's ids and capabilities, but for what the filter needs to be installed.
Result<> change_identity(const ProcessPlan& process);
/// no_new_privs, the filter, and the last capabilities.
Result<> confine(const Stage& stage);

// attributes.cpp
Result<> use_stage_processors(const ProcessPlan& process);
/// Raises hard limits, which takes privileges; set_limits() then needs none.
Result<> allow_limits(const ProcessPlan& process);
Result<> set_limits(const ProcessPlan& process);
/// Of processor and disks, which processors, personality.
Result<> set_priorities(const ProcessPlan& process);

// lookup.cpp
/// The file that will be executed; errors as those of the execution.
Result<> look_up_program(const ProcessPlan& process);
Error execute_program(ProcessPlan& process);

// process.cpp: never returns when it succeeds
Error run_program(Stage& stage);

// init.cpp: pid 1 beside the program; returns only with an error
Error run_init(Stage& stage);

}  // namespace ecrin::run::stage
