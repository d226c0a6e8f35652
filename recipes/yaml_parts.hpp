// The parts of a recipe, one reader each: recipe -> stages -> `from`, steps (with mounts), config.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "recipes/config_lists.hpp"
#include "recipes/recipe.hpp"
#include "recipes/yaml_reader.hpp"

namespace ecrin::recipes {

using NameSet = std::set<std::string, std::less<>>;

/// A stage uses another one: for the check of cycles.
struct StageUse {
  std::size_t user = 0;  // index of the stage
  std::string used;
  Span span;
};

/// What the readers of one stage share.
struct StageScope {
  Scope& scope;
  const NameSet& stage_names;
  std::size_t index = 0;        // of this stage
  std::vector<StageUse>& uses;  // of all stages
  NameSet variables = {};       // set by `env` of this stage so far
  bool has_cmd = false;         // so has this stage a `cmd`
  ConfigLists lists = {};
};

inline constexpr std::string_view k_stage_keys[] = {"from",  "platform", "env",    "workdir",    "user",
                                                    "shell", "steps",    "config", "annotations"};
inline constexpr std::string_view k_config_keys[] = {"entrypoint",  "cmd",        "env",   "user",
                                                     "workdir",     "labels",     "ports", "volumes",
                                                     "stop_signal", "healthcheck"};

Result<Stage> read_stage(StageScope& stage, std::string name, const YamlNode& node);
Result<From> read_from(StageScope& stage, const YamlNode& node);
Result<Step> read_step(StageScope& stage, const YamlNode& node);
Result<RunStep> read_run(StageScope& stage, const YamlNode& node);
Result<Mount> read_mount(StageScope& stage, const YamlNode& node);

/// How a `workdir` is written: as a step it may continue the one in force.
enum class PathRule { relative, of_stage, of_config };
/// What a step, a key of a stage or a key of its `config` says about how the image is run.
Result<StepKind> read_setting(StageScope& stage, std::string_view key, const YamlNode& node,
                              PathRule workdir_rule);
/// With its place and its line for people.
Result<Step> make_step(StageScope& stage, const YamlMember& member, StepKind kind);
/// What runs scripts where the recipe says nothing.
std::vector<std::string> default_shell();

/// Where files come from: "" for the context, the name of a stage (its use is noted), or an image.
Result<std::string> read_file_source(StageScope& stage, const YamlNode& node, std::string_view what);
/// An image's name, by its grammar; whether it exists is not asked here.
Result<> check_image_name(const StageScope& stage, const YamlNode& node, std::string_view name);

}  // namespace ecrin::recipes
