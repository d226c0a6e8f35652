// Starting a container that exists.
#pragma once

#include "cli/containers/monitor_process.hpp"

namespace ecrin::cli {

/// Its monitor, in a process of its own. What is there of it (see selection.hpp) must not run.
StartOutcome start_container(Session& session, const run::StoredContainer& record,
                             const Companion& companion);

}  // namespace ecrin::cli
