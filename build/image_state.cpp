#include "build/image_state.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "base/variables.hpp"
#include "build/pattern.hpp"

namespace ecrin::build {

std::string absolute_path(const oci::ImageConfig& config, std::string_view path) {
  const std::string from = config.working_dir.empty() ? "/" : config.working_dir;
  const bool directory = path.ends_with('/') || path == "." || path.ends_with("/.") || path.empty();
  std::string cleaned =
      clean_path(path.starts_with('/') ? std::string(path) : fmt::format("/{}/{}", from, path));
  if (directory && cleaned != "/") cleaned += '/';
  return cleaned;
}

std::vector<std::string> first_shell(const recipes::Stage& stage, const oci::ImageConfig& config) {
  if (!stage.shell.empty()) return stage.shell;
  return config.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : config.shell;
}

std::vector<std::string> run_arguments(const recipes::RunStep& run, const std::vector<std::string>& shell) {
  if (const auto* list = std::get_if<std::vector<std::string>>(&run.command)) return *list;
  if (const auto* file = std::get_if<recipes::InlineFile>(&run.command)) {
    return {std::string(k_script_directory) + "/" + file->name};
  }
  std::vector<std::string> words = shell;
  words.push_back(std::get<std::string>(run.command));
  return words;
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

ConfigPointer config_after(const ConfigPointer& before, const PlanStep& step) {
  const bool keeps = step.as<recipes::RunStep>() || step.as<recipes::CopyStep>() ||
                     step.as<recipes::AddStep>() || step.as<recipes::WriteStep>();
  if (keeps) return before;
  auto after = std::make_shared<oci::ImageConfig>(*before);
  apply_step(*after, step);
  return after;
}

Result<> check_lists(const oci::ImageConfig& config) {
  const std::pair<std::size_t, const char*> lists[] = {{config.env.size(), "variables"},
                                                       {config.labels.size(), "labels"},
                                                       {config.exposed_ports.size(), "ports"},
                                                       {config.volumes.size(), "volumes"},
                                                       {config.on_build.size(), "triggers"}};
  for (const auto& [count, things] : lists) {
    if (const auto excess = oci::config_list_excess(count, things))
      return fail(ErrorKind::limit, "{}", *excess);
  }
  return {};
}

}  // namespace ecrin::build
