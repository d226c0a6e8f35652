// Facts about this host, found by probing: what `ecrin info` shows and `ecrin doctor` explains.
#pragma once

#include <string>
#include <vector>

#include "run/doctor/finding.hpp"

namespace ecrin::run {

/// Probes, in child processes where they change something: identity and isolation (doctor/), devices,
/// networks, seccomp, mmdebstrap, cgroups. Call while single-threaded. Drivers are probed by
/// fs::probe_drivers (cli joins them).
std::vector<Finding> probe_host(const std::string& search_path);

}  // namespace ecrin::run
