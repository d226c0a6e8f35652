// ContainerNetwork: everything of one container's network that lives as long as the container: the namespace,
// the helper or the connection to the keeper, the relay of its published ports, and the texts of its files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "run/network/network.hpp"
#include "run/network/network_keeper.hpp"
#include "run/network/network_request.hpp"
#include "run/network/port_relay.hpp"

namespace ecrin::run {

/// A network namespace that exists already, with the files of the container that it belongs to (none: it
/// belongs to no container of ours).
struct JoinedNetwork {
  Fd network_namespace;
  std::optional<std::string> resolv_conf;
  std::optional<std::string> hosts;
};

/// What the request does not say.
struct NetworkContext {
  std::string search_path;
  std::string host_resolv_conf;  // its text
  std::string hostname;          // of the container
  std::string container_id;
  std::string container_name;  // "" = none
  std::vector<ExposedPort> exposed_by_image;
  std::vector<PublishedPort> earlier_ports;  // which free ones were chosen when it was started before
  JoinedNetwork joined;                      // Kind::container and Kind::path
  // Kind::named: as many networks as the request has attachments, and a connection to the keeper whose user
  // namespace we are in.
  std::vector<NetworkConfig> networks;
  std::optional<KeeperConnection> keeper;
};

class ContainerNetwork {
public:
  /// Everything but the container: ports are bound and answer from now on.
  static Result<ContainerNetwork> open(const NetworkRequest& request, NetworkContext context);

  NetworkMode mode() const { return m_mode; }
  /// For ContainerOptions; nullptr: the container makes its own, or has the host's.
  const Fd* network_namespace() const { return m_namespace ? &m_namespace : nullptr; }
  /// For ContainerOptions::managed_files.
  const std::vector<std::pair<std::string, std::string>>& files() const { return m_files; }
  /// With the numbers of the host's ports that were chosen.
  const std::vector<PublishedPort>& ports() const { return m_ports; }
  /// The text of /etc/resolv.conf, as the container is connected now.
  std::string resolv_conf() const;

  /// Kind::named, while the container runs: one more network, and one less.
  Result<> connect(const NetworkConfig& network, const NetworkAttachment& attachment);
  Result<> disconnect(const std::string& network);

private:
  ContainerNetwork() = default;
  Result<> open_private(const NetworkRequest& request, const NetworkContext& context);
  Result<> open_named(const NetworkRequest& request, NetworkContext& context);
  AttachRequest attach_request(const std::vector<NetworkConfig>& networks,
                               const std::vector<NetworkAttachment>& attachments) const;
  Result<> make_files(const NetworkRequest& request);

  NetworkRequest m_request;
  std::string m_hostname, m_id, m_name, m_host_resolv_conf;  // as NetworkContext has them
  std::size_t m_interfaces = 0;                              // how many it had on named networks
  NetworkMode m_mode = NetworkMode::none;
  std::optional<PrivateNetwork> m_private;
  JoinedNetwork m_joined;
  std::optional<KeeperConnection> m_keeper;
  AttachReply m_attached;
  std::vector<NetworkConfig> m_networks;  // that it is on
  Fd m_namespace;
  std::vector<std::pair<std::string, std::string>> m_files;
  std::vector<PublishedPort> m_ports;
  std::unique_ptr<PortRelay> m_relay;  // ends first
};

}  // namespace ecrin::run
