// What a step would be made of on another base: the inputs of its key (build/cache_key.hpp), as a build of
// the recipe there would have them. Pure. Internal to build/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "build/cache_key.hpp"
#include "build/step_spec.hpp"

namespace ecrin::build {

struct OtherBase {
  const oci::ImageConfig& old_base;
  const oci::ImageConfig& new_base;
  const std::string& parent;  // key of the tree below the step
};

struct RebasedInputs {
  oci::ImageConfig before;  // in force
  std::vector<std::string> shell;
  KeyInputs inputs;
};
/// Of a RUN step, with the settings of the new base where it had those of the old one. None: this is no
/// description of the step with the inputs `recorded`.
std::optional<RebasedInputs> rebased_inputs(const KeyInputs& recorded, const StepSpec& spec,
                                            const OtherBase& base);
/// Of one that whole_step() gave.
RebasedInputs rebased_inputs(const KeyInputs& recorded, const recipes::StepKind& kind, const OtherBase& base);

/// The step itself, where the inputs say all of it: WRITE, WORKDIR, COPY of files of the recipe.
std::optional<recipes::StepKind> whole_step(const KeyInputs& recorded);

KeyInputs with_parent(const KeyInputs& inputs, const std::string& parent);
/// Of the platform and the time only.
KeySettings common_settings(const KeyInputs& recorded);
/// Seconds, or INT64_MAX: BuildTime.
std::int64_t clamp_of(const KeyInputs& recorded);
/// is_independent() of the step.
bool is_linked(const KeyInputs& recorded);
/// Does a program see the same of the settings of both?
bool have_same_run_settings(const oci::ImageConfig& one, const oci::ImageConfig& other);

}  // namespace ecrin::build
