// Steps that scripts put on working containers: what `ecrin run --into`, `copy-into`, `add-into` and `config`
// have in common.
#pragma once

#include <functional>
#include <string>

#include "build/working_build.hpp"
#include "cli/arguments.hpp"
#include "cli/session.hpp"

namespace ecrin::cli {

/// What is to be done, by the container as it is.
using StepsFor = std::function<Result<build::StepsRequest>(const build::WorkingContainer&)>;
/// Locks the container, puts the steps on it and records it. What a program prints goes to standard output;
/// what came from the cache is said on standard error. A failing program gives its exit code.
Outcome put_steps(Session& session, const Arguments& arguments, const std::string& container,
                  const StepsFor& steps_for, build::BuildOptions options);

/// What these verbs take from the environment: time, proxies.
Result<build::BuildOptions> step_options(Session& session);

/// "type=bind|cache|tmpfs|secret,...", as RUN --mount of a Containerfile has it.
Result<recipes::Mount> parse_step_mount(std::string_view text);

/// One word is a script for the shell in force, or a JSON list of words; several are a program and its
/// arguments: as RUN has it.
Result<recipes::RunStep> parse_step_command(std::vector<std::string> words);

/// `ecrin run --into NAME`.
Outcome run_into(Session& session, const Arguments& arguments);

/// The flags of `ecrin config` as steps. What a recipe cannot say is refused.
Result<build::StepsRequest> config_steps(const Arguments& arguments,
                                         const build::WorkingContainer& container);

}  // namespace ecrin::cli
