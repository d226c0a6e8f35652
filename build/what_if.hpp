// What if: which steps would run again if files of the context changed, told from the recipe, the cache and
// the records of what steps used (build/step_traces.hpp). Nothing runs.
//
// What a step makes when it runs again is not known: all that it made before counts as changed.
#pragma once

#include <string>
#include <vector>

#include "build/build.hpp"

namespace ecrin::build {

struct StepForecast {
  StepInfo step;
  bool runs = false;
  std::string reason;  // why it runs
};

/// `paths`: below the context, "src/main.c". A file that is there gets another content, one that is not comes
/// into being; a directory stands for the files in it. One entry for each step of the plan that makes a
/// layer.
Result<std::vector<StepForecast>> what_if(Workshop& workshop, const recipes::Recipe& recipe,
                                          const BuildOptions& options, const std::vector<std::string>& paths,
                                          const CancelToken& cancel);

}  // namespace ecrin::build
