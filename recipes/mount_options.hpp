// The options of one mount of a step, "type=cache,target=/a": as RUN --mount of a Containerfile has them, and
// `ecrin run --into`. Both make the same Mount of the same options, so that the same step has the same key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// In order; a word without '=' has no value.
using MountOptions = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// Fields as in a line of CSV. Keys are in lower case, and known ones.
Result<MountOptions> split_mount_options(std::string_view text);

/// What can be said before variables have their values: options with a '$' are not looked at.
Result<> check_mount_options(const MountOptions& options);

/// All values are what they mean; what 'from' names was looked up.
Result<Mount> make_mount(const MountOptions& options);

}  // namespace ecrin::recipes
