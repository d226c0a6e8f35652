// What steps without a layer do: env, workdir, user, labels and a stage's `config:` change the image config
// that the following steps and the image itself have. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "build/plan.hpp"
#include "oci/image_config.hpp"

namespace ecrin::build {

/// Sets NAME=value, in the place of an earlier one, else at the end.
void set_variable(std::vector<std::string>& environment, const std::string& name, const std::string& value);
/// The value, or nullptr.
const std::string* find_variable(const std::vector<std::string>& environment, std::string_view name,
                                 std::string& storage);

/// A path as steps write it, made absolute with the work directory in force; cleaned, a trailing slash stays
/// (it says "a directory").
std::string absolute_path(const oci::ImageConfig& config, std::string_view path);

/// The config with which a stage's steps begin, from that of its base.
void begin_stage(oci::ImageConfig& config, const recipes::Stage& stage);
/// What this step changes (nothing for RUN, COPY, ADD and WRITE).
void apply_step(oci::ImageConfig& config, const PlanStep& step);
/// A stage's `config:`, at its end. Docker's rule: a new entrypoint drops a command that came from the base.
void apply_stage_config(oci::ImageConfig& config, const recipes::StageConfig& changes);
/// The line that `config:` leaves in the image's history; "" when it is empty.
std::string describe(const recipes::StageConfig& changes);

/// Seconds for files: everything later becomes this. INT64_MAX: times stay.
struct BuildTime {
  std::int64_t clamp = 0;
  std::int64_t created = 0;  // of the image
};

}  // namespace ecrin::build
