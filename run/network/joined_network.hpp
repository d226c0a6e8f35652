// Network namespaces that are there already, and whom they belong to.
#pragma once

#include <string>

#include "base/fd.hpp"

namespace ecrin::run {

/// Opens "/run/netns/x", "/proc/42/ns/net" ...; anything that is no network namespace is refused.
Result<Fd> open_network_namespace(const std::string& path);
/// The user namespace that owns a namespace: whoever wants to enter the latter must be in the former. Refused
/// when only root can be.
Result<Fd> owner_of_namespace(const Fd& namespace_descriptor, const std::string& path);

}  // namespace ecrin::run
