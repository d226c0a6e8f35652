// A container without namespaces (chroot_plan.hpp) up to the start of its stage.
#pragma once

#include <memory>
#include <string>

#include "run/chroot/placed_files.hpp"
#include "run/container.hpp"
#include "run/owners/owner_supervisor.hpp"
#include "run/seccomp/seccomp_config.hpp"
#include "run/stage_process.hpp"

namespace ecrin::run {

/// Neither may this process make namespaces, nor does the config bring a user namespace in which its stage
/// could.
bool may_only_change_root(const oci::RuntimeConfig& config);

struct ChrootStart {
  StageRequest stage;
  PlacedFiles files;  // to be kept till the program has ended
  std::shared_ptr<OwnerSupervisor> calls;
  std::string lack;  // what is missing, for people
};
/// Takes what it needs out of the options.
Result<ChrootStart> prepare_chroot(ContainerOptions& options, SeccompFilter filter);

}  // namespace ecrin::run
