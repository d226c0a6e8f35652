// The stage: a small static program that is the first process of a container. It is single-threaded, has
// nothing of the parent's memory, and performs the plan it was given: operations first (perform), then the
// program, either in its own place or as a child of pid 1 (init).
//
// The root directory was written by somebody else. It is only ever reached through `root`, with lookups that
// cannot leave it (target.cpp); no path inside it is given to the kernel as a string before pivot_root.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "run/setup_op.hpp"

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
  Fd terminal;                // the slave end
  std::string created_state;  // for the hooks at the start
};

// report.cpp
Result<> report(const Stage& stage, StageMessage kind, std::string_view payload = {},
                const Fd* descriptor = nullptr);
/// Until the parent says so. Its payload.
Result<std::string> wait_for_answer(const Stage& stage);
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
/// Identifies the mount that a descriptor is on.
Result<std::uint64_t> mount_id(const Fd& fd);

// mounts.cpp
Result<> enter_root(Stage& stage, const SetupOp& op);
Result<> mount_new(Stage& stage, const SetupOp& op);
Result<> mount_bind(Stage& stage, const SetupOp& op);
Result<> mount_device(Stage& stage, const SetupOp& op);
Result<> mount_file(Stage& stage, const SetupOp& op);
Result<> mount_mask(Stage& stage, const SetupOp& op);
Result<> make_read_only(Stage& stage, const SetupOp& op);
Result<> make_root_read_only(Stage& stage);
Result<> pivot(Stage& stage);

// mount_calls.cpp: the new mount API as Results
Result<Fd> new_mount(const std::string& type, const std::vector<std::string>& options,
                     std::uint64_t attributes);
enum class Depth { one, recursive };
/// A detached copy of the mount at `path` below `directory` ("" = the descriptor itself).
Result<Fd> clone_mount(int directory, const std::string& path, Depth depth);
Result<> attach(const Fd& mount, const Fd& target, const std::string& where);
Result<> set_attributes(const Fd& mount, std::uint64_t attributes, std::uint64_t propagation, Depth depth,
                        const std::string& where);

// terminal.cpp
/// The program's stdio is the slave end of a new terminal.
Result<> make_terminal(Stage& stage, const SetupOp& op);
/// The same in a container that runs, from its root directory.
Result<> make_exec_terminal(Stage& stage);

// identity.cpp
/// The program's ids and capabilities, but for what the filter needs to be installed.
Result<> change_identity(const ProcessPlan& process);
/// no_new_privs, the filter, and the last capabilities.
Result<> confine(const ProcessPlan& process);

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
