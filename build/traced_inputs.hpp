// What a RUN step uses of other stages and of images whose files it mounts (--cache=traced). Such a tree is
// an input of the step's key as a whole ("stage builder"): of all of it, that counts which the step used.
// Internal to build/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "build/session.hpp"

namespace ecrin::build {

/// Before the paths of such trees, in traces: "//from/builder//usr/bin/cc".
inline constexpr std::string_view k_input_files = "//from/";

/// A bind mount whose use is recorded.
struct TracedInput {
  std::size_t mount = 0;  // its position in the step
  std::string name;       // of the stage or image
  std::string prefix;     // of its paths: every mount has its own
};
/// None of a tree that the step has for something else too, such as what is in a new cache: there all of it
/// counts.
std::vector<TracedInput> traced_inputs(const PreparedStep& step);
/// Is this input of a key one of those trees?
bool is_of(const std::vector<TracedInput>& inputs, std::string_view key_input);

/// A trace of one of these trees as a part of the step's.
fs::ImageTrace as_part(fs::ImageTrace trace, const TracedInput& input);
/// The other way round; empty: the trace is none of a step with this mount.
fs::ImageTrace part_of(const fs::ImageTrace& trace, const TracedInput& input);
/// The trace of a tree without layers: there is not even a root.
fs::ImageTrace trace_of_nothing();

}  // namespace ecrin::build
