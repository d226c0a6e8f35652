// What an image says about how it is run. The same readers serve the keys of a stage, those of its `config:`
// and the steps of the same name.
#include <fmt/core.h>

#include <algorithm>

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

/// One thing or a list of them; the same one twice is harmless and kept once.
template <class ReadItem>
Result<std::vector<std::string>> read_set(const Scope& scope, const YamlNode& node, std::string_view what,
                                          ReadItem read_item) {
  if (node.kind == YamlNode::Kind::scalar) return read_item(node, std::string(what));
  if (node.kind != YamlNode::Kind::sequence)
    return scope.refuse(node.span, fmt::format("{} must be a list", what));
  std::vector<std::string> result;
  NameSet seen;
  const std::string item = fmt::format("an item of {}", what);
  for (const YamlNodePtr& entry : node.items) {
    for (std::string& value : TRY(read_item(*entry, item)))
      if (seen.insert(value).second) result.push_back(std::move(value));
  }
  return result;
}

Result<std::vector<std::string>> read_port_set(Scope& scope, const YamlNode& node, std::string_view what) {
  return read_set(scope, node, what, [&](const YamlNode& item, const std::string& noun) {
    return read_ports(scope, item, noun);
  });
}

Result<std::vector<std::string>> read_volume_set(Scope& scope, const YamlNode& node, std::string_view what) {
  using Paths = std::vector<std::string>;
  return read_set(scope, node, what, [&](const YamlNode& item, const std::string& noun) -> Result<Paths> {
    return Paths{TRY(read_absolute_path(scope, item, noun))};
  });
}

Result<std::vector<std::string>> read_shell(Scope& scope, const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar) {
    return scope.refuse(node.span, "'shell' must be a list: a program and its arguments",
                        R"(the script is the last argument, as in ["/bin/bash", "-e", "-c"])");
  }
  std::vector<std::string> shell = TRY(read_command_list(scope, node, "'shell'"));
  if (shell.empty()) return scope.refuse(node.span, "'shell' names no program");
  return shell;
}

}  // namespace

Result<StepKind> read_setting(StageScope& stage, std::string_view key, const YamlNode& node,
                              PathRule workdir_rule) {
  Scope& scope = stage.scope;
  const std::string what = fmt::format("'{}'", key);
  if (key == "env") {
    EnvStep step{TRY(read_variables(scope, node, what))};
    for (const KeyValue& variable : step.variables) stage.variables.insert(variable.first);
    return StepKind(std::move(step));
  }
  if (key == "workdir") {
    if (workdir_rule == PathRule::relative)
      return StepKind(WorkdirStep{TRY(read_tree_path(scope, node, what))});
    const char* place =
        workdir_rule == PathRule::of_config ? "'workdir' of 'config'" : "'workdir' of a stage";
    return StepKind(WorkdirStep{TRY(read_absolute_path(scope, node, place))});
  }
  if (key == "user") return StepKind(UserStep{TRY(read_owner(scope, node, what))});
  if (key == "label" || key == "labels") return StepKind(LabelStep{TRY(read_labels(scope, node, what))});
  if (key == "entrypoint") {
    // Docker's rule: a new entrypoint takes away the command of the base, not one of this stage.
    return StepKind(
        EntrypointStep{.arguments = TRY(read_command_list(scope, node, what)), .drops_cmd = !stage.has_cmd});
  }
  if (key == "cmd") {
    stage.has_cmd = true;
    return StepKind(CmdStep{TRY(read_command_list(scope, node, what))});
  }
  if (key == "expose" || key == "ports") return StepKind(ExposeStep{TRY(read_port_set(scope, node, what))});
  if (key == "volume" || key == "volumes")
    return StepKind(VolumeStep{TRY(read_volume_set(scope, node, what))});
  if (key == "stop_signal") return StepKind(StopSignalStep{TRY(read_signal(scope, node, what))});
  if (key == "healthcheck") return StepKind(HealthcheckStep{TRY(read_healthcheck(scope, node))});
  if (key == "shell") return StepKind(ShellStep{TRY(read_shell(scope, node))});
  if (key == "onbuild") return StepKind(OnBuildStep{TRY(read_word(scope, node, what))});
  return StepKind(AuthorStep{TRY(read_word(scope, node, what))});
}

}  // namespace ecrin::recipes
