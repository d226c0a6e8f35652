// The tree of a working container as it stands. Internal to build/.
#pragma once

#include <optional>
#include <string>

#include "build/session.hpp"
#include "build/working_containers.hpp"

namespace ecrin::build {

/// nullptr: it began with nothing.
Result<ImagePointer> load_base(Workshop& workshop, const WorkingContainer& container);
/// Of a step, by its directory id; held by this process. none: the step has no layer.
Result<std::optional<fs::Layer>> find_layer(Workshop& workshop, const std::string& id);
Result<StartingTree> starting_tree(Workshop& workshop, const WorkingContainer& container);

}  // namespace ecrin::build
