// What `ecrin doctor` says about programs for other processors.
#pragma once

#include <string>

#include "run/host_features.hpp"

namespace ecrin::run {

/// Tries each that is known. Inside the user namespace, which it may change (BinfmtInstance).
Finding probe_other_platforms(const std::string& search_path);

}  // namespace ecrin::run
