// What run/ can do with a config.json, in its words: for the `features` verb of the OCI runtime.
#pragma once

#include "oci/runtime_features.hpp"

namespace ecrin::run {

oci::RuntimeFeatures known_features();

}  // namespace ecrin::run
