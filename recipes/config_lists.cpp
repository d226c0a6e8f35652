#include "recipes/config_lists.hpp"

namespace ecrin::recipes {
std::optional<std::string> ConfigLists::add(const StepKind& step) {
  if (const auto* env = std::get_if<EnvStep>(&step)) {
    for (const auto& [name, value] : env->variables) m_variables.insert(name);
    return oci::config_list_excess(m_variables.size(), "variables");
  }
  if (const auto* label = std::get_if<LabelStep>(&step)) {
    for (const auto& [name, value] : label->labels) m_labels.insert(name);
    return oci::config_list_excess(m_labels.size(), "labels");
  }
  if (const auto* expose = std::get_if<ExposeStep>(&step)) {
    m_ports.insert(expose->ports.begin(), expose->ports.end());
    return oci::config_list_excess(m_ports.size(), "ports");
  }
  if (const auto* volume = std::get_if<VolumeStep>(&step)) {
    m_volumes.insert(volume->paths.begin(), volume->paths.end());
    return oci::config_list_excess(m_volumes.size(), "volumes");
  }
  if (std::holds_alternative<OnBuildStep>(step)) return oci::config_list_excess(++m_triggers, "triggers");
  if (const auto* cmd = std::get_if<CmdStep>(&step))
    return oci::config_list_excess(cmd->arguments.size(), "words of a command");
  if (const auto* entrypoint = std::get_if<EntrypointStep>(&step))
    return oci::config_list_excess(entrypoint->arguments.size(), "words of an entrypoint");
  if (const auto* shell = std::get_if<ShellStep>(&step))
    return oci::config_list_excess(shell->shell.size(), "words of a shell");
  if (const auto* health = std::get_if<HealthcheckStep>(&step))
    return oci::config_list_excess(health->healthcheck.test.size(), "words of a health check");
  return std::nullopt;
}

}  // namespace ecrin::recipes
