// Which stage uses which: stages may stand in any order, but none may need itself.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "recipes/yaml_parts.hpp"

namespace ecrin::recipes {

struct StageCycle {
  std::vector<std::size_t> path;  // of stages, first and last the same: a, b, a
  Span span;                      // where the first of them uses the second
};

/// The first cycle in the order of the stages, if there is one.
std::optional<StageCycle> find_stage_cycle(const std::vector<std::string>& names,
                                           std::span<const StageUse> uses);

}  // namespace ecrin::recipes
