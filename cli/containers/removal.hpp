// Removing containers, also those that run.
#pragma once

#include <chrono>

#include "cli/containers/selection.hpp"

namespace ecrin::cli {

enum class EndRunning { no, yes };
/// Inside the user namespace. One that runs is a conflict, or is stopped first (killed after `timeout`).
Result<> remove_container(Containers& containers, const run::StoredContainer& record, EndRunning end,
                          std::chrono::seconds timeout);

}  // namespace ecrin::cli
