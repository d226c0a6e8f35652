// A stage: its keys become steps before the first, its `config` steps after the last, so that the engine
// knows steps only.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "recipes/step_text.hpp"
#include "recipes/yaml_parts.hpp"
#include "recipes/yaml_values.hpp"

namespace ecrin::recipes {
namespace {

// In the order in which they become steps.
constexpr std::string_view k_first_settings[] = {"env", "workdir", "user", "shell"};
constexpr std::string_view k_last_settings[] = {"env", "user",  "workdir", "labels",      "entrypoint",
                                                "cmd", "ports", "volumes", "stop_signal", "healthcheck"};
constexpr std::size_t k_text_length = 200;  // of a step, for people

Result<oci::Platform> read_platform(Scope& scope, const YamlNode& node) {
  const std::string text = TRY(read_word(scope, node, "'platform'"));
  Result<oci::Platform> platform = oci::Platform::parse(text);
  if (platform) return platform;
  return scope.refuse(node.span, platform.error().message());
}

const YamlMember* find_member(const YamlNode& mapping, std::string_view key) {
  const auto found = std::find_if(mapping.members.begin(), mapping.members.end(),
                                  [&](const YamlMember& member) { return member.key == key; });
  return found == mapping.members.end() ? nullptr : &*found;
}

/// `shell: image`: the base's SHELL, else /bin/sh -c, as Containerfiles have it.
bool is_shell_of_image(const YamlNode& node) {
  return node.kind == YamlNode::Kind::scalar && node.text == "image";
}

Result<> add_settings(StageScope& stage, const YamlNode& mapping, Keys keys, PathRule rule,
                      std::vector<Step>& steps) {
  for (const std::string_view key : keys) {
    const YamlMember* member = find_member(mapping, key);
    if (member == nullptr || (key == "shell" && is_shell_of_image(*member->value))) continue;
    StepKind kind = TRY(read_setting(stage, key, *member->value, rule));
    const auto* shell = std::get_if<ShellStep>(&kind);
    // The default is nothing that an image has to say.
    if (shell != nullptr && shell->shell == default_shell()) continue;
    steps.push_back(TRY(make_step(stage, *member, std::move(kind))));
  }
  return {};
}

Result<> add_config(StageScope& stage, const YamlNode& node, std::vector<Step>& steps) {
  Scope& scope = stage.scope;
  if (node.kind == YamlNode::Kind::mapping) {
    TRY(check_misplaced(scope, node, "'config'", k_config_keys, k_stage_keys,
                        "to the stage, beside 'config'"));
  }
  TRY(check_mapping(scope, node, "'config'", k_config_keys));
  stage.has_cmd = stage.has_cmd || node.find("cmd") != nullptr;
  return add_settings(stage, node, k_last_settings, PathRule::of_config, steps);
}

}  // namespace

std::vector<std::string> default_shell() {
  return {"/bin/sh", "-e", "-c"};  // -e: a script of several lines stops at the first that fails
}

Result<Step> make_step(StageScope& stage, const YamlMember& member, StepKind kind) {
  if (const auto excess = stage.lists.add(kind)) {
    return std::unexpected(diagnose(stage.scope.source, member.key_span, *excess, ErrorKind::limit));
  }
  std::string text = printable(fmt::format("{}: {}", member.key, summary(kind)), k_text_length);
  return Step{.kind = std::move(kind),
              .location = stage.scope.source.location(member.key_span.begin),
              .text = std::move(text)};
}

Result<Stage> read_stage(StageScope& stage, std::string name, const YamlNode& node) {
  Scope& scope = stage.scope;
  Stage result;
  result.name = std::move(name);
  result.location = scope.source.location(node.span.begin);
  const YamlNode* shell = node.find("shell");
  if (shell == nullptr || !is_shell_of_image(*shell)) result.shell = default_shell();
  const std::string what = fmt::format("stage '{}'", result.name);
  const YamlNode* from = TRY(require(scope, node, "from", what));
  result.from_location = scope.source.location(from->span.begin);
  result.from = TRY(read_from(stage, *from));
  if (const YamlNode* value = node.find("platform")) result.platform = TRY(read_platform(scope, *value));
  TRY(add_settings(stage, node, k_first_settings, PathRule::of_stage, result.steps));
  if (const YamlNode* steps = node.find("steps")) {
    if (steps->kind != YamlNode::Kind::sequence) {
      return scope.refuse(steps->span, "'steps' must be a list", "begin each step with '- '");
    }
    for (const YamlNodePtr& item : steps->items) result.steps.push_back(TRY(read_step(stage, *item)));
  }
  if (const YamlNode* value = node.find("config")) TRY(add_config(stage, *value, result.steps));
  if (const YamlNode* value = node.find("annotations")) {
    result.annotations = TRY(read_labels(scope, *value, "'annotations'"));
  }
  return result;
}

}  // namespace ecrin::recipes
