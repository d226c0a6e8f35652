// `ecrin build --what-if PATH`: which steps would run again if these files changed.
#pragma once

#include <string>
#include <vector>

#include "build/what_if.hpp"

namespace ecrin::cli {

/// Paths below the context, out of those that people gave: below the context, or from where they stand.
Result<std::vector<std::string>> context_paths(const std::vector<std::string>& given,
                                               const std::string& context_directory);
/// Lines for people: the steps that run, and how many of how many.
std::string forecast_text(const std::vector<build::StepForecast>& forecasts);

}  // namespace ecrin::cli
