// The mounts of a container, as the verbs show them.
#pragma once

#include <vector>

#include "cli/containers/selection.hpp"
#include "cli/containers/stored_request.hpp"

namespace ecrin::cli {

/// Those that were asked for, and the volumes that it has for its image; nameless ones with the names that
/// they were given.
Result<std::vector<MountSpec>> shown_mounts(Containers& containers, const run::StoredContainer& record,
                                            const StoredRequest& stored);

}  // namespace ecrin::cli
