// What steps without a layer do: they change the image config that the following steps and the image itself
// have. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "build/plan.hpp"
#include "oci/image_config.hpp"

namespace ecrin::build {

/// Where a script that is a file of the recipe stands while it runs.
inline constexpr std::string_view k_script_directory = "/dev/pipes";

/// A path as steps write it, made absolute with the work directory in force; cleaned, a trailing slash stays
/// (it says "a directory").
std::string absolute_path(const oci::ImageConfig& config, std::string_view path);

/// What this step changes (nothing for RUN, COPY, ADD and WRITE).
void apply_step(oci::ImageConfig& config, const PlanStep& step);
/// The settings between two steps. Most steps change none: those share them.
using ConfigPointer = std::shared_ptr<const oci::ImageConfig>;
ConfigPointer config_after(const ConfigPointer& before, const PlanStep& step);
/// Do its lists, with all that the base has, fit into an image's config?
Result<> check_lists(const oci::ImageConfig& config);

/// The shell that runs scripts when a stage begins with this config.
std::vector<std::string> first_shell(const recipes::Stage& stage, const oci::ImageConfig& config);
/// The words of a command: those of the exec form, or the shell in force with the script.
std::vector<std::string> run_arguments(const recipes::RunStep& run, const std::vector<std::string>& shell);

/// Seconds for files: everything later becomes this. INT64_MAX: times stay.
struct BuildTime {
  std::int64_t clamp = 0;
  std::int64_t created = 0;  // of the image
};

}  // namespace ecrin::build
