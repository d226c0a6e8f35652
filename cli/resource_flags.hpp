// How much a container or the RUN steps of a build may use: --memory, --cpus and their relatives, as podman
// has them. Shared by `run`, `shell`, `run --into` and `build`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/environment.hpp"
#include "cli/session.hpp"
#include "oci/resources.hpp"
#include "run/cgroup/cgroup.hpp"

namespace ecrin::cli {

std::vector<Flag> resource_flags();
/// 0 and -1 mean no limit where podman takes them so; nothing asked for is an empty value.
Result<oci::Resources> parse_resources(const Arguments& arguments);

/// Where the service manager of this user may be heard, the best address first.
std::vector<std::string> service_manager_addresses(const Environment& environment, unsigned user);

/// The place for cgroups with these limits, before anything else is done; nullptr when there are none. What
/// cannot be limited is refused here.
Result<std::shared_ptr<run::CgroupPlace>> open_cgroups(Session& session, const oci::Resources& resources);

}  // namespace ecrin::cli
