// A container's network from its request: what must be opened before the user namespace is entered, and then
// the network itself.
#pragma once

#include <string>

#include "cli/container_request.hpp"
#include "cli/session.hpp"
#include "run/container_network.hpp"

namespace ecrin::cli {

/// What belongs to somebody else and is to be shared.
struct OpenedNetwork {
  run::JoinedNetwork joined;
  std::vector<run::UsedNetwork> networks;
  std::optional<run::KeeperConnection> keeper;
};

/// Enters the user namespace that the network belongs to, when it is one that is there. Call it before
/// anything else enters another, and while the process has one thread.
Result<OpenedNetwork> open_network_namespaces(Session& session, const run::NetworkRequest& request);

/// Says on the console which free ports were chosen.
Result<run::ContainerNetwork> open_network(Session& session, const ContainerRequest& request,
                                           const oci::ImageConfig& image, const std::string& hostname,
                                           OpenedNetwork opened);

}  // namespace ecrin::cli
