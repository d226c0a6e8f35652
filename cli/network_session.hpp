// A container's network from its request: what must be opened before the user namespace is entered, and then
// the network itself.
#pragma once

#include <string>

#include "cli/container_request.hpp"
#include "cli/session.hpp"
#include "run/network/container_network.hpp"
#include "run/network/network_store.hpp"

namespace ecrin::cli {

/// What belongs to somebody else and is shared. It lives as long as the container, over all its starts.
struct OpenedNetwork {
  run::JoinedNetwork joined;                    // of Kind::path and Kind::container
  std::vector<run::UsedNetwork> networks;       // of Kind::named
  Fd store;                                     // their directory
  std::optional<run::KeeperConnection> keeper;  // keeps it there; each start has a connection of its own
};

/// Enters the user namespace that the network belongs to, when it is one that is there. Call it before
/// anything else enters another, and while the process has one thread.
Result<OpenedNetwork> open_network_namespaces(Session& session, const run::NetworkRequest& request);

struct NetworkedContainer {
  std::string id;
  std::string name;  // "" = none
  std::string hostname;
  std::vector<run::PublishedPort> earlier_ports;  // of its last start
};
/// Says on the console which free ports were chosen.
Result<run::ContainerNetwork> open_network(Session& session, const run::NetworkRequest& request,
                                           const oci::ImageConfig& image, const NetworkedContainer& container,
                                           const OpenedNetwork& opened);

}  // namespace ecrin::cli
