// Steps as one line: for people who watch a build, and for the history of the image. Both front ends use
// these, so that the same steps give the same image, whichever language said them.
#pragma once

#include <string>
#include <string_view>

#include "recipes/recipe.hpp"

namespace ecrin::recipes {

/// The name of its instruction in a Containerfile: "RUN", "COPY"; "WRITE" where there is none.
std::string_view instruction_name(const StepKind& kind);
/// What the step does, without its name: "apt-get update", "src/ /app/". A script: its first line.
std::string summary(const StepKind& kind);
/// "90s", "500ms": as both languages and the history have them.
std::string duration_text(std::int64_t nanoseconds);
/// For the history of the image: "RUN /bin/sh -c make", whole. `shell` is the one in force.
std::string history_text(const StepKind& kind, const std::vector<std::string>& shell);

}  // namespace ecrin::recipes
