// Registries for verbs: flags and surroundings become oci::RegistryImages, and images that a verb or a recipe
// needs are pulled with their progress shown.
#pragma once

#include <memory>

#include "build/build.hpp"
#include "build/pull.hpp"
#include "cli/arguments.hpp"
#include "cli/interrupt.hpp"
#include "cli/registry_options.hpp"
#include "cli/session.hpp"
#include "cli/transfer_progress.hpp"

namespace ecrin::cli {

/// Nothing is asked of anybody yet. Call it before the process enters its user namespace.
Result<std::unique_ptr<oci::RegistryImages>> open_registries(Session& session, const Arguments& arguments,
                                                             const Interrupts& interrupts);

/// --pull and --policy; missing when the verb was not told.
Result<build::PullPolicy> pull_policy(const Arguments& arguments, std::string_view flag);

/// --pull and --quiet.
std::vector<Flag> pull_flags();

/// For BuildOptions: by `policy`, with progress of its own on the console. What it refers to must outlive it.
build::ImageObtainer image_obtainer(Session& session, build::Workshop& workshop,
                                    oci::RegistryImages& registries, build::PullPolicy policy,
                                    ProgressKind progress);

/// "docker://debian:12" and "debian:12" are the same to pull and push.
Result<oci::Reference> parse_registry_name(const std::string& text);

}  // namespace ecrin::cli
