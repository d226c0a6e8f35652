// A stage and its `config`.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "recipes/yaml_parts.hpp"
#include "recipes/yaml_values.hpp"

namespace ecrin::recipes {
namespace {

constexpr std::string_view k_healthcheck_keys[] = {"test",         "interval",       "timeout",
                                                   "start_period", "start_interval", "retries"};

Result<std::vector<std::string>> read_health_test(Scope& scope, const YamlNode& node) {
  if (node.kind != YamlNode::Kind::sequence) {
    std::string script = TRY(read_text(scope, node, "'test'"));
    if (trim(script).empty()) return scope.refuse(node.span, "'test' has nothing to run");
    return std::vector<std::string>{"CMD-SHELL", std::move(script)};
  }
  std::vector<std::string> words = TRY(read_command_list(scope, node, "'test'"));
  if (words.empty()) return scope.refuse(node.span, "'test' has nothing to run");
  // Other tools write their list with these words in front; nobody calls a program so.
  if (words[0] != "CMD" && words[0] != "CMD-SHELL") words.insert(words.begin(), "CMD");
  const std::size_t expected = words[0] == "CMD-SHELL" ? 2 : words.size();
  if (words.size() != expected || words.size() < 2) {
    return scope.refuse(node.span, fmt::format("'{}' in 'test' is followed by {}", words[0],
                                               words[0] == "CMD" ? "a program" : "one line of shell"));
  }
  return words;
}

Result<oci::Healthcheck> read_healthcheck(Scope& scope, const YamlNode& node) {
  oci::Healthcheck check;
  if (node.kind == YamlNode::Kind::scalar && node.text == "none") {
    check.test = {"NONE"};
    return check;
  }
  if (node.kind == YamlNode::Kind::scalar) {
    return scope.refuse(node.span, "'healthcheck' must be a mapping with 'test', or none");
  }
  TRY(check_mapping(scope, node, "'healthcheck'", k_healthcheck_keys));
  check.test = TRY(read_health_test(scope, *TRY(require(scope, node, "test", "'healthcheck'"))));
  const auto duration = [&](std::string_view key) -> Result<std::int64_t> {
    const YamlNode* value = node.find(key);
    return value == nullptr ? Result<std::int64_t>(0)
                            : read_duration(scope, *value, fmt::format("'{}'", key));
  };
  check.interval = TRY(duration("interval"));
  check.timeout = TRY(duration("timeout"));
  check.start_period = TRY(duration("start_period"));
  check.start_interval = TRY(duration("start_interval"));
  if (const YamlNode* retries = node.find("retries")) {
    check.retries = static_cast<std::int64_t>(TRY(read_unsigned(scope, *retries, "'retries'", 1'000'000)));
  }
  return check;
}

/// A list of things of one kind; the same one twice is harmless and kept once.
template <class ReadItem>
Result<std::vector<std::string>> read_set(Scope& scope, const YamlNode& node, std::string_view what,
                                          ReadItem read_item, std::string_view item) {
  if (node.kind != YamlNode::Kind::sequence)
    return scope.refuse(node.span, fmt::format("{} must be a list", what));
  std::vector<std::string> result;
  for (const YamlNodePtr& entry : node.items) {
    std::string value = TRY(read_item(scope, *entry, item));
    if (std::find(result.begin(), result.end(), value) == result.end()) result.push_back(std::move(value));
  }
  return result;
}

Result<oci::Platform> read_platform(Scope& scope, const YamlNode& node) {
  const std::string text = TRY(read_word(scope, node, "'platform'"));
  Result<oci::Platform> platform = oci::Platform::parse(text);
  if (platform) return platform;
  return scope.refuse(node.span, platform.error().message());
}

}  // namespace

Result<StageConfig> read_config(StageScope& stage, const YamlNode& node) {
  Scope& scope = stage.scope;
  if (node.kind == YamlNode::Kind::mapping) {
    TRY(check_misplaced(scope, node, "'config'", k_config_keys, k_stage_keys,
                        "to the stage, beside 'config'"));
  }
  TRY(check_mapping(scope, node, "'config'", k_config_keys));
  StageConfig config;
  if (const YamlNode* value = node.find("entrypoint")) {
    config.entrypoint = TRY(read_command_list(scope, *value, "'entrypoint'"));
  }
  if (const YamlNode* value = node.find("cmd")) config.cmd = TRY(read_command_list(scope, *value, "'cmd'"));
  if (const YamlNode* value = node.find("env")) config.env = TRY(read_variables(scope, *value, "'env'"));
  if (const YamlNode* value = node.find("user")) config.user = TRY(read_owner(scope, *value, "'user'"));
  if (const YamlNode* value = node.find("workdir")) {
    config.workdir = TRY(read_absolute_path(scope, *value, "'workdir' of 'config'"));
  }
  if (const YamlNode* value = node.find("labels"))
    config.labels = TRY(read_labels(scope, *value, "'labels'"));
  if (const YamlNode* value = node.find("ports")) {
    config.ports = TRY(read_set(scope, *value, "'ports'", read_port, "an item of 'ports'"));
  }
  if (const YamlNode* value = node.find("volumes")) {
    config.volumes = TRY(read_set(scope, *value, "'volumes'", read_absolute_path, "an item of 'volumes'"));
  }
  if (const YamlNode* value = node.find("stop_signal")) {
    config.stop_signal = TRY(read_signal(scope, *value, "'stop_signal'"));
  }
  if (const YamlNode* value = node.find("healthcheck"))
    config.healthcheck = TRY(read_healthcheck(scope, *value));
  return config;
}

Result<Stage> read_stage(StageScope& stage, std::string name, const YamlNode& node) {
  Scope& scope = stage.scope;
  Stage result;
  result.name = std::move(name);
  result.location = scope.source.location(node.span.begin);
  const std::string what = fmt::format("stage '{}'", result.name);
  const YamlNode* from = TRY(require(scope, node, "from", what));
  result.from_location = scope.source.location(from->span.begin);
  result.from = TRY(read_from(stage, *from));
  if (const YamlNode* value = node.find("platform")) result.platform = TRY(read_platform(scope, *value));
  if (const YamlNode* value = node.find("env")) {
    result.env = TRY(read_variables(scope, *value, "'env'"));
    for (const KeyValue& variable : result.env) stage.variables.insert(variable.first);
  }
  if (const YamlNode* value = node.find("workdir")) {
    result.workdir = TRY(read_absolute_path(scope, *value, "'workdir' of a stage"));
  }
  if (const YamlNode* value = node.find("user")) result.user = TRY(read_owner(scope, *value, "'user'"));
  if (const YamlNode* value = node.find("shell")) {
    if (value->kind == YamlNode::Kind::scalar) {
      return scope.refuse(value->span, "'shell' must be a list: a program and its arguments",
                          R"(the script is the last argument, as in ["/bin/bash", "-e", "-c"])");
    }
    result.shell = TRY(read_command_list(scope, *value, "'shell'"));
    if (result.shell.empty()) return scope.refuse(value->span, "'shell' names no program");
  }
  if (const YamlNode* steps = node.find("steps")) {
    if (steps->kind != YamlNode::Kind::sequence) {
      return scope.refuse(steps->span, "'steps' must be a list", "begin each step with '- '");
    }
    for (const YamlNodePtr& item : steps->items) result.steps.push_back(TRY(read_step(stage, *item)));
  }
  if (const YamlNode* value = node.find("config")) result.config = TRY(read_config(stage, *value));
  if (const YamlNode* value = node.find("annotations")) {
    result.annotations = TRY(read_labels(scope, *value, "'annotations'"));
  }
  return result;
}

}  // namespace ecrin::recipes
