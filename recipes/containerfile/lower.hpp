// What a Containerfile means: its instructions with all variables filled in, as the Recipe that the engine
// builds. Only the stages that the target needs are looked at; the others need to be right in their syntax
// only. Semantics are docker's (docs/containerfile.md).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/image_config.hpp"
#include "oci/platform.hpp"
#include "recipes/containerfile/syntax.hpp"

namespace ecrin::recipes::containerfile {

struct LowerOptions {
  std::string file;                         // for messages
  std::map<std::string, std::string> args;  // --build-arg
  /// Serve where an ARG declares them, and are not missed where none does: SOURCE_DATE_EPOCH of the host.
  std::map<std::string, std::string> host_args;
  std::string target;                     // name, in any case, or number; "" = the last stage
  bool all_stages = false;                // also those above the target that it does not need
  std::optional<oci::Platform> platform;  // none: the host's
  /// The config of an image that a needed stage begins with: its ENV, SHELL and ONBUILD count. Asked once for
  /// each image and platform.
  std::function<Result<oci::ImageConfig>(const std::string& reference, const oci::Platform& platform)>
      base_config;
  /// Does something else stand in for the stage or image of this name? Then base_config knows it, and no
  /// stage is meant.
  std::function<bool(std::string_view name)> is_replaced = {};
};

struct UndefinedVariable {
  std::string name;
  Location location;
};

struct Lowered {
  Recipe recipe;                               // its last stage is the target
  std::map<std::string, std::string> proxies;  // out of the build arguments: into RUN, never into keys
  std::vector<std::string> notes;              // what the user should know
  std::vector<std::string> remarks;            // what only somebody who looks closely wants to know
  std::vector<UndefinedVariable> undefined;    // in the stages that were lowered
};

Result<Lowered> lower(const Containerfile& file, const SourceText& source, const LowerOptions& options);

}  // namespace ecrin::recipes::containerfile
