#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cli/build_request.hpp"
#include "cli/commands/commands.hpp"
#include "cli/container_request.hpp"
#include "cli/registries.hpp"
#include "cli/resource_flags.hpp"
#include "cli/working_steps.hpp"

namespace ecrin::cli {
namespace {

// A step is what RUN is in a recipe: it has no terminal, no ports and no volumes.
Result<> check_flags(const Arguments& arguments) {
  constexpr std::array<std::string_view, 12> k_known = {"into",    "env",     "env-file", "user",
                                                        "workdir", "network", "mount",    "secret",
                                                        "quiet",   "pull",    "no-cache", "rm"};
  const std::vector<Flag> registry = registry_flags();
  const std::vector<Flag> limits = resource_flags();
  for (const Flag& flag : run_verb().flags) {
    if (!arguments.has(flag.name) || std::ranges::find(k_known, flag.name) != k_known.end()) continue;
    if (std::ranges::find(registry, flag.name, &Flag::name) != registry.end()) continue;
    if (std::ranges::find(limits, flag.name, &Flag::name) != limits.end()) continue;
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("--{} is not for steps of a build (--into)", flag.name))
            .hint("they have --env, --env-file, --user, --workdir, --network, --mount, --secret, "
                  "--no-cache, and limits like --memory"));
  }
  return {};
}

}  // namespace

Outcome run_into(Session& session, const Arguments& arguments) {
  TRY(check_flags(arguments));
  build::BuildOptions options = TRY(step_options(session));
  options.no_cache = arguments.on("no-cache");
  options.run.resources = TRY(parse_resources(arguments));
  options.run.cgroups = TRY(open_cgroups(session, options.run.resources));
  options.network = TRY(parse_network(arguments.value("network", "private")));
  options.context_directory = TRY(absolute_path("."));
  options.secrets = TRY(requested_secrets(arguments, session.environment()));
  recipes::RunStep step = TRY(parse_step_command(arguments.operands()));
  step.user = arguments.value("user");
  for (const std::string& line : TRY(requested_variables(arguments, session.environment()))) {
    const std::size_t equals = line.find('=');
    step.env.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  for (const std::string& text : arguments.values("mount"))
    step.mounts.push_back(TRY(parse_step_mount(text)));
  build::StepsRequest request{.steps = {}, .workdir = arguments.find("workdir")};
  if (request.workdir && !request.workdir->starts_with('/'))
    return std::unexpected(
        Error(ErrorKind::invalid,
              fmt::format("--workdir must be an absolute path, not '{}'", printable(*request.workdir))));
  request.steps.emplace_back(std::move(step));
  return put_steps(
      session, arguments, arguments.value("into"),
      [&](const build::WorkingContainer&) -> Result<build::StepsRequest> { return request; },
      std::move(options));
}

}  // namespace ecrin::cli
