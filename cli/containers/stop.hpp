// Ending the programs of containers.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "cli/containers/life_request.hpp"
#include "cli/containers/selection.hpp"

namespace ecrin::cli {

struct StopOptions {
  std::optional<std::chrono::seconds> timeout;  // none: the container's own
  std::optional<int> signal;                    // the same
};
/// Asks all of them at once, then waits for all. What does not run is stopped already. One result each.
std::vector<Result<>> stop_containers(Containers& containers,
                                      const std::vector<run::StoredContainer>& records,
                                      const StopOptions& options);

}  // namespace ecrin::cli
