// What scripts do with working containers, as builds of a few steps: the same plan, keys, cache and executors
// as those of a recipe, so that a script and a recipe with the same steps give the same image and share what
// ran.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "build/build.hpp"
#include "build/working_containers.hpp"

namespace ecrin::build {

/// A container that begins with an image, or with nothing ("scratch"). Not recorded yet.
Result<WorkingContainer> start_container(Workshop& workshop, const std::string& image,
                                         const BuildOptions& options, const CancelToken& cancel);

struct StepsRequest {
  std::vector<recipes::StepKind> steps;
  std::optional<std::string> workdir;  // for these steps only
};
struct StepsReport {
  std::size_t ran = 0;
  std::size_t cached = 0;
};
/// Puts steps on the container: the value is changed, the row is the caller's. Other containers that COPY and
/// mounts name are found among the rows.
Result<StepsReport> add_steps(Workshop& workshop, WorkingContainer& container, const StepsRequest& request,
                              const BuildOptions& options, BuildObserver& observer, const CancelToken& cancel,
                              FailedStep* failed);

/// The image of the container as it is now, under options.tags.
Result<oci::ImageRecord> commit_container(Workshop& workshop, const WorkingContainer& container,
                                          const BuildOptions& options, const CancelToken& cancel);

}  // namespace ecrin::build
