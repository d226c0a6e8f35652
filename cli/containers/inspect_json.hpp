// What `ecrin inspect` shows of a container, with podman's keys.
#pragma once

#include "base/json.hpp"
#include "cli/containers/selection.hpp"

namespace ecrin::cli {

Result<Json> inspect_container(Containers& containers, const run::StoredContainer& record,
                               const std::string& driver);

}  // namespace ecrin::cli
