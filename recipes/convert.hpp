// Recipes from one language to the other, without loss: what comes out is read again, and the recipe that it
// says is compared with the one that went in. Arguments stay arguments where the other language can say the
// same.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "oci/image_config.hpp"
#include "oci/platform.hpp"

namespace ecrin::recipes {

struct ConvertOptions {
  std::string file;                         // of the text that goes in, for messages
  std::map<std::string, std::string> args;  // --build-arg: for what has no default
  std::optional<oci::Platform> platform;
  /// Of images that a Containerfile begins with (see recipes/containerfile/lower.hpp).
  std::function<Result<oci::ImageConfig>(const std::string& reference, const oci::Platform& platform)>
      base_config;
};

struct Converted {
  std::string text;
  std::vector<std::string> notes;  // what the user should know
};

/// A Containerfile with all its stages becomes a YAML recipe.
Result<Converted> containerfile_to_yaml(std::string_view text, const ConvertOptions& options);
/// A YAML recipe becomes a Containerfile. What a Containerfile cannot say is an error that names the step.
Result<Converted> yaml_to_containerfile(std::string_view text, const ConvertOptions& options);

}  // namespace ecrin::recipes
