// What the runtime's verbs share: a container found again by its id, and what is started in one.
#pragma once

#include <string>

#include "base/child.hpp"
#include "cli/runtime/runtime.hpp"
#include "run/runtime_state.hpp"

namespace ecrin::cli {

struct OpenedContainer {
  run::ContainerDirectory directory;
  run::ContainerRecord record;
  run::ContainerStatus status;
};

enum class Changes { no, yes };
/// `changes`: waits for other commands that change it, and keeps them off.
Result<OpenedContainer> open_container(const RuntimeContext& context, const std::string& id, Changes changes);
/// Its status and state anew: for one that was locked after its state was read.
Result<> read_again(OpenedContainer& container);

/// The state for hooks: the record's, with this status and process.
std::string hook_state(const run::ContainerRecord& record, std::string_view status, pid_t pid);

/// The whole of --preserve-fds: what it says, and what a socket-activating manager passed to this process.
/// The program's environment gets the two variables that tell it of those.
Result<unsigned> preserved_descriptors(const RuntimeContext& context, const Arguments& arguments,
                                       std::vector<std::string>& program_environment);

/// The engine may be kept to a few processors; a container has those of its cgroup.
void use_all_processors();

/// Everything of it but its files: cgroup and processes, then the poststop hooks, then its directory.
Result<> remove_container(OpenedContainer& container);

}  // namespace ecrin::cli
