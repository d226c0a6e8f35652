// The flags of `ecrin config` as changes of an image's configuration.
#pragma once

#include "cli/arguments.hpp"
#include "oci/mutate.hpp"

namespace ecrin::cli {

std::vector<Flag> config_flags();
/// Values are checked; `config` is what the image has now (a health check may be changed in part).
Result<oci::ConfigChanges> config_changes(const Arguments& arguments, const oci::ImageConfig& config);

}  // namespace ecrin::cli
