#include <array>

#include "base/text.hpp"
#include "cli/config_changes.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

std::unexpected<Error> no_step(std::string_view what) {
  return std::unexpected(
      Error(ErrorKind::invalid,
            fmt::format("{} is not for working containers: no step of a recipe does it", what))
          .hint("commit the container and change the image: ecrin config IMAGE"));
}

// Only what is set; nothing that is taken away.
Result<std::vector<recipes::KeyValue>> set_pairs(const oci::KeyChanges& changes, bool clear,
                                                 std::string_view what) {
  std::vector<recipes::KeyValue> pairs;
  if (clear) return no_step(fmt::format("taking --{} away", what));
  for (const auto& [name, value] : changes) {
    if (!value) return no_step(fmt::format("taking --{} '{}' away", what, printable(name)));
    pairs.emplace_back(name, *value);
  }
  return pairs;
}

Result<std::vector<std::string>> set_names(const oci::KeyChanges& changes, bool clear,
                                           std::string_view what) {
  std::vector<std::string> names;
  for (auto& [name, value] : TRY(set_pairs(changes, clear, what))) names.push_back(name);
  return names;
}

}  // namespace

Result<build::StepsRequest> config_steps(const Arguments& arguments,
                                         const build::WorkingContainer& container) {
  for (const char* flag : {"annotation", "arch", "os", "variant", "tag", "timestamp"})
    if (arguments.has(flag)) return no_step(fmt::format("--{}", flag));
  const oci::ConfigChanges changes = TRY(config_changes(arguments, container.config));
  build::StepsRequest request;
  std::vector<recipes::StepKind>& steps = request.steps;
  if (changes.shell) {
    if (changes.shell->empty()) return no_step("taking --shell away");
    steps.emplace_back(recipes::ShellStep{*changes.shell});
  }
  if (auto pairs = TRY(set_pairs(changes.env, changes.clear_env, "env")); !pairs.empty())
    steps.emplace_back(recipes::EnvStep{std::move(pairs)});
  if (changes.user) steps.emplace_back(recipes::UserStep{*changes.user});
  if (changes.working_dir) {
    if (changes.working_dir->empty()) return no_step("taking --workdir away");
    steps.emplace_back(recipes::WorkdirStep{*changes.working_dir});
  }
  if (auto pairs = TRY(set_pairs(changes.labels, changes.clear_labels, "label")); !pairs.empty())
    steps.emplace_back(recipes::LabelStep{std::move(pairs)});
  if (auto names = TRY(set_names(changes.ports, changes.clear_ports, "port")); !names.empty())
    steps.emplace_back(recipes::ExposeStep{std::move(names)});
  if (auto names = TRY(set_names(changes.volumes, changes.clear_volumes, "volume")); !names.empty())
    steps.emplace_back(recipes::VolumeStep{std::move(names)});
  if (changes.stop_signal) steps.emplace_back(recipes::StopSignalStep{*changes.stop_signal});
  if (changes.healthcheck) {
    if (!*changes.healthcheck) return no_step("taking --healthcheck away");
    steps.emplace_back(recipes::HealthcheckStep{**changes.healthcheck});
  }
  if (changes.author) steps.emplace_back(recipes::AuthorStep{*changes.author});
  if (changes.entrypoint)
    steps.emplace_back(
        recipes::EntrypointStep{.arguments = changes.entrypoint->value_or(std::vector<std::string>{}),
                                .drops_cmd = !container.own_cmd});
  if (changes.cmd) steps.emplace_back(recipes::CmdStep{changes.cmd->value_or(std::vector<std::string>{})});
  return request;
}

}  // namespace ecrin::cli
