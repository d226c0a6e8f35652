// StepSpec: what the program of a RUN step got, written down so that the step can be opened again when the
// build is long over. The contents of secrets are never written down. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "build/run_settings.hpp"
#include "oci/image_config.hpp"
#include "recipes/recipe.hpp"
#include "run/network/network.hpp"

namespace ecrin::build {

struct StepSpec {
  recipes::RunStep run;
  oci::ImageConfig before;         // in force; without history
  std::vector<std::string> shell;  // in force
  oci::Platform platform;          // of the step
  std::string context_directory;   // "" = none, or none that is still there
  std::string recipe_file;         // with it: BuildOptions
  std::string ignore_file;
  std::int64_t clamp = 0;                                        // BuildTime
  run::NetworkMode network = run::NetworkMode::private_network;  // of steps that do not say
  RunSettings settings;                                          // of the build
  std::vector<std::string> tree;  // directory ids of its layers, bottom first; the last is what it left
  struct Input {
    std::string name;  // of a stage or an image that it mounts
    std::vector<std::string> layers;
  };
  std::vector<Input> inputs;
};

std::string encode_step(const StepSpec& spec);
/// Nothing when the bytes are not ours, or another version's.
std::optional<StepSpec> decode_step(std::string_view bytes);

}  // namespace ecrin::build
