// The facts of this process and host that plans need.
#pragma once

#include "oci/runtime_config.hpp"
#include "run/plan/process_plan.hpp"

namespace ecrin::run {

/// Of the user namespace that the container will have.
Result<PlanFacts> plan_facts(const oci::RuntimeConfig& config);
/// Of a user namespace that is joined, of which nothing is known before.
PlanFacts joined_plan_facts();

fs::IdMap id_map_of(const std::vector<oci::IdMapping>& mappings);

/// May this process take mounts out of its mount namespace?
bool may_mount_here();
/// A system call filter may forbid it (podman's does) where namespaces are allowed. Tried out, once.
bool may_set_host_name();

}  // namespace ecrin::run
