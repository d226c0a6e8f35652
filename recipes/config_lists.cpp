#include "recipes/config_lists.hpp"

#include <fmt/core.h>

namespace ecrin::recipes {
namespace {

std::optional<std::string> check(std::size_t count, std::string_view noun) {
  if (count <= oci::k_config_list_limit) return std::nullopt;
  return fmt::format("an image's config holds at most {} {}, and here there are more",
                     oci::k_config_list_limit, noun);
}

}  // namespace

std::optional<std::string> ConfigLists::add(const StepKind& step) {
  if (const auto* env = std::get_if<EnvStep>(&step)) {
    for (const auto& [name, value] : env->variables) m_variables.insert(name);
    return check(m_variables.size(), "variables");
  }
  if (const auto* label = std::get_if<LabelStep>(&step)) {
    for (const auto& [name, value] : label->labels) m_labels.insert(name);
    return check(m_labels.size(), "labels");
  }
  if (const auto* expose = std::get_if<ExposeStep>(&step)) {
    m_ports.insert(expose->ports.begin(), expose->ports.end());
    return check(m_ports.size(), "ports");
  }
  if (const auto* volume = std::get_if<VolumeStep>(&step)) {
    m_volumes.insert(volume->paths.begin(), volume->paths.end());
    return check(m_volumes.size(), "volumes");
  }
  if (std::holds_alternative<OnBuildStep>(step)) return check(++m_triggers, "triggers");
  if (const auto* cmd = std::get_if<CmdStep>(&step))
    return check(cmd->arguments.size(), "words of a command");
  if (const auto* entrypoint = std::get_if<EntrypointStep>(&step))
    return check(entrypoint->arguments.size(), "words of an entrypoint");
  if (const auto* shell = std::get_if<ShellStep>(&step))
    return check(shell->shell.size(), "words of a shell");
  if (const auto* health = std::get_if<HealthcheckStep>(&step))
    return check(health->healthcheck.test.size(), "words of a health check");
  return std::nullopt;
}

}  // namespace ecrin::recipes
