// From the words of `ecrin build` to what the engine takes. Which recipe: cli/recipe_file.
#pragma once

#include <string>
#include <string_view>

#include "build/build.hpp"
#include "cli/arguments.hpp"
#include "cli/environment.hpp"

namespace ecrin::cli {

/// "id=X,src=F", "id=X,env=V".
Result<build::Secret> parse_secret(std::string_view text, const Environment& environment);
/// All that --secret gives; one that is given twice is an error.
Result<std::vector<build::Secret>> requested_secrets(const Arguments& arguments,
                                                     const Environment& environment);
/// K=V, or K with the value of the environment.
Result<std::map<std::string, std::string>> parse_build_args(const std::vector<std::string>& texts,
                                                            const Environment& environment);
/// A file with one of those a line; empty lines and those that begin with '#' say nothing.
Result<std::vector<std::string>> read_build_arg_file(const std::string& path);
/// "default", "ID", "ID=SOCKET", "ID=KEY,KEY".
Result<build::SshAgent> parse_ssh(std::string_view text, const Environment& environment);
Result<run::NetworkMode> parse_network(std::string_view name);

/// --platform, else DOCKER_DEFAULT_PLATFORM: lists, each platform once, "local" for this machine's. None: no
/// word about it.
Result<std::vector<oci::Platform>> build_platforms(const Arguments& arguments,
                                                   const Environment& environment);

/// All but the recipe's part and what depends on the platform; `now` in seconds.
Result<build::BuildOptions> build_options(const Arguments& arguments, const Environment& environment,
                                          std::int64_t now);

}  // namespace ecrin::cli
