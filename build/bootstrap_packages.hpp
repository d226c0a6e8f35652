// The packages of a bootstrap with their versions: as mmdebstrap would choose them now (its simulation) and
// as they are installed in a tree (dpkg's status). Both are one list, so a system that is in the store
// already need not be installed again. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "build/cache_key.hpp"

namespace ecrin::build {

/// "package NAME:ARCHITECTURE" and the version, sorted, no name twice: inputs that only running the step
/// tells.
inline constexpr std::string_view k_package_input = "package ";
bool is_package(const KeyInput& input);

/// Out of what `mmdebstrap --simulate --verbose` says; empty when there is no package in it.
KeyInputs simulated_packages(std::string_view messages);
/// Out of /var/lib/dpkg/status: what is installed. Nothing when a package is in another state or the text is
/// not as dpkg writes it.
std::optional<KeyInputs> installed_packages(std::string_view status);

/// Which systems with the same packages are the same: the start of their keys. `inputs` are those of the
/// step; where the packages come from (mirror, snapshot, sources) does not count.
std::string bootstrap_family(const KeyInputs& inputs);
/// The key of a system with these packages. Never that of a step.
std::string bootstrap_key(const std::string& family, const KeyInputs& packages);

}  // namespace ecrin::build
