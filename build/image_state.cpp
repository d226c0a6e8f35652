#include "build/image_state.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "build/pattern.hpp"

namespace ecrin::build {

void set_variable(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  const std::string prefix = name + "=";
  for (std::string& variable : environment) {
    if (variable.starts_with(prefix)) {
      variable = prefix + value;
      return;
    }
  }
  environment.push_back(prefix + value);
}

const std::string* find_variable(const std::vector<std::string>& environment, std::string_view name,
                                 std::string& storage) {
  for (const std::string& variable : environment) {
    if (variable.size() > name.size() && variable.starts_with(name) && variable[name.size()] == '=') {
      storage = variable.substr(name.size() + 1);
      return &storage;
    }
  }
  return nullptr;
}

std::string absolute_path(const oci::ImageConfig& config, std::string_view path) {
  const std::string from = config.working_dir.empty() ? "/" : config.working_dir;
  const bool directory = path.ends_with('/') || path == "." || path.ends_with("/.") || path.empty();
  std::string cleaned =
      clean_path(path.starts_with('/') ? std::string(path) : fmt::format("/{}/{}", from, path));
  if (directory && cleaned != "/") cleaned += '/';
  return cleaned;
}

void begin_stage(oci::ImageConfig& config, const recipes::Stage& stage) {
  for (const auto& [name, value] : stage.env) set_variable(config.env, name, value);
  if (!stage.user.empty()) config.user = stage.user;
  const std::vector<std::string> default_shell = recipes::Stage{}.shell;
  if (stage.shell != default_shell) config.shell = stage.shell;
}

namespace {

void add_sorted(std::vector<std::string>& list, const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

/// What says how the image is run. True when the step is one of them.
bool apply_config_step(oci::ImageConfig& config, const PlanStep& step) {
  if (const auto* cmd = step.as<recipes::CmdStep>()) {
    config.cmd = cmd->arguments;
  } else if (const auto* entrypoint = step.as<recipes::EntrypointStep>()) {
    config.entrypoint = entrypoint->arguments;
    if (entrypoint->drops_cmd) config.cmd.reset();
  } else if (const auto* expose = step.as<recipes::ExposeStep>()) {
    add_sorted(config.exposed_ports, expose->ports);
  } else if (const auto* volume = step.as<recipes::VolumeStep>()) {
    add_sorted(config.volumes, volume->paths);
  } else if (const auto* signal = step.as<recipes::StopSignalStep>()) {
    config.stop_signal = signal->signal;
  } else if (const auto* healthcheck = step.as<recipes::HealthcheckStep>()) {
    config.healthcheck = healthcheck->healthcheck;
  } else if (const auto* shell = step.as<recipes::ShellStep>()) {
    config.shell = shell->shell;
  } else if (const auto* trigger = step.as<recipes::OnBuildStep>()) {
    config.on_build.push_back(trigger->trigger);
  } else if (const auto* author = step.as<recipes::AuthorStep>()) {
    config.author = author->author;
  } else {
    return false;
  }
  return true;
}

}  // namespace

void apply_step(oci::ImageConfig& config, const PlanStep& step) {
  if (apply_config_step(config, step)) return;
  if (const auto* env = step.as<recipes::EnvStep>()) {
    for (const auto& [name, value] : env->variables) set_variable(config.env, name, value);
  } else if (const auto* workdir = step.as<recipes::WorkdirStep>()) {
    config.working_dir = absolute_path(config, workdir->path);
    if (config.working_dir.size() > 1 && config.working_dir.ends_with('/')) config.working_dir.pop_back();
  } else if (const auto* user = step.as<recipes::UserStep>()) {
    config.user = user->user;
  } else if (const auto* label = step.as<recipes::LabelStep>()) {
    for (const auto& [name, value] : label->labels) config.labels[name] = value;
  }
}

void apply_stage_config(oci::ImageConfig& config, const recipes::StageConfig& changes) {
  if (changes.entrypoint) {
    config.entrypoint = changes.entrypoint;
    if (!changes.cmd) config.cmd.reset();
  }
  if (changes.cmd) config.cmd = changes.cmd;
  for (const auto& [name, value] : changes.env) set_variable(config.env, name, value);
  if (changes.user) config.user = *changes.user;
  if (changes.workdir) config.working_dir = absolute_path(config, *changes.workdir);
  if (config.working_dir.size() > 1 && config.working_dir.ends_with('/')) config.working_dir.pop_back();
  for (const auto& [name, value] : changes.labels) config.labels[name] = value;
  add_sorted(config.exposed_ports, changes.ports);
  add_sorted(config.volumes, changes.volumes);
  if (changes.stop_signal) config.stop_signal = *changes.stop_signal;
  if (changes.healthcheck) config.healthcheck = changes.healthcheck;
}

std::string describe(const recipes::StageConfig& changes) {
  std::vector<std::string> parts;
  const auto list = [](const std::vector<std::string>& words) {
    std::vector<std::string> quoted;
    for (const std::string& word : words) quoted.push_back(shell_quote(word));
    return join(quoted, " ");
  };
  if (changes.entrypoint) parts.push_back("entrypoint " + list(*changes.entrypoint));
  if (changes.cmd) parts.push_back("cmd " + list(*changes.cmd));
  for (const auto& [name, value] : changes.env) parts.push_back("env " + name);
  if (changes.user) parts.push_back("user " + *changes.user);
  if (changes.workdir) parts.push_back("workdir " + *changes.workdir);
  for (const auto& [name, value] : changes.labels) parts.push_back("label " + name);
  if (!changes.ports.empty()) parts.push_back("ports " + join(changes.ports, " "));
  if (!changes.volumes.empty()) parts.push_back("volumes " + join(changes.volumes, " "));
  if (changes.stop_signal) parts.push_back("stop-signal " + *changes.stop_signal);
  if (changes.healthcheck) parts.push_back("healthcheck");
  return parts.empty() ? "" : "config: " + join(parts, ", ");
}

}  // namespace ecrin::build
