// From a RuntimeConfig and the facts of this host to the ordered list of operations that the stage performs.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "oci/runtime_config.hpp"
#include "run/network/network.hpp"
#include "run/plan/process_plan.hpp"
#include "run/plan/setup_op.hpp"

namespace ecrin::run {

struct PlanRequest {
  std::string rootfs;
  std::string bundle;  // what relative sources of bind mounts are below; "": there are none
  NetworkMode network = NetworkMode::none;
  bool joins_network = false;  // there is a network namespace to join
  bool init = true;
  std::vector<std::pair<std::string, std::string>> managed_files;  // path in the container, content
  std::string seccomp;                                             // the compiled filter; "" = unconfined
  std::uint64_t seccomp_flags = 0;                                 // SECCOMP_FILTER_FLAG_*
  bool no_pivot = false;           // the root is moved over the host's instead
  bool accepts_host_proc = false;  // where the kernel allows no new procfs
};

/// A bind mount whose ids are mapped: made by the parent, which has the privileges (bind_source.hpp).
struct IdMappedBind {
  std::size_t op = 0;  // its place in the plan
  bool recursive = false;
  std::vector<oci::IdMapping> uids, gids;
  bool operator==(const IdMappedBind&) const = default;
};

struct ContainerPlan {
  SetupPlan setup;                     // the descriptors of bind mounts are still to be filled in
  std::uint64_t clone_namespaces = 0;  // CLONE_NEW*
  std::vector<IdMappedBind> id_mapped;
};

/// Fails for what cannot be done here, before anything is started: ids that are not mapped, unknown
/// capabilities and limits, paths that are not absolute.
Result<ContainerPlan> make_setup_plan(const oci::RuntimeConfig& config, const PlanFacts& facts,
                                      const PlanRequest& request);

}  // namespace ecrin::run
