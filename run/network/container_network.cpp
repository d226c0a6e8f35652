#include "run/network/container_network.hpp"

#include <algorithm>

#include "base/names.hpp"
#include "base/text.hpp"
#include "run/network/network_namespace.hpp"

namespace ecrin::run {

using Kind = NetworkRequest::Kind;

Result<> ContainerNetwork::open_private(const NetworkRequest& request, const NetworkContext& context) {
  PrivateNetworkOptions options{.helper = request.helper};
  options.reach_host =
      std::ranges::any_of(request.hosts, [](const auto& host) { return host.second == k_host_gateway; });
  m_private.emplace(
      TRY_WHILE(PrivateNetwork::create(context.search_path, options), "making a private network"));
  m_namespace = TRY(m_private->network_namespace().duplicate());
  return {};
}

AttachRequest ContainerNetwork::attach_request(const std::vector<NetworkConfig>& networks,
                                               const std::vector<NetworkAttachment>& attachments) const {
  AttachRequest wanted{.container_id = m_id,
                       .container_name = m_name.empty() ? m_hostname : m_name,
                       .networks = networks,
                       .attachments = attachments,
                       .nameservers = m_request.resolver.servers};
  for (std::size_t index = 0; index < networks.size(); ++index) {
    NetworkAttachment& attachment = wanted.attachments[index];
    attachment.network = networks[index].name;  // the user may have said its ID
    for (const std::string& name : {m_hostname, std::string(short_id(m_id))}) {
      if (name != wanted.container_name &&
          std::ranges::find(attachment.aliases, name) == attachment.aliases.end())
        attachment.aliases.push_back(name);
    }
  }
  return wanted;
}

Result<> ContainerNetwork::open_named(const NetworkRequest& request, NetworkContext& context) {
  if (!context.keeper || context.networks.size() != request.attachments.size())
    return fail(ErrorKind::invalid, "a container on named networks needs a keeper of them");
  const AttachRequest wanted = attach_request(context.networks, request.attachments);
  NetworkNamespace made = TRY(NetworkNamespace::create());
  m_namespace = std::move(made.descriptor());
  m_attached = TRY_WHILE(context.keeper->attach(wanted, m_namespace), "joining named networks");
  m_keeper = std::move(context.keeper);
  m_networks = context.networks;
  m_interfaces = m_networks.size();
  return {};
}

Result<> ContainerNetwork::connect(const NetworkConfig& network, const NetworkAttachment& attachment) {
  if (!m_keeper) return fail(ErrorKind::unsupported, "the container is on no named network");
  if (std::ranges::find(m_networks, network.name, &NetworkConfig::name) != m_networks.end())
    return fail(ErrorKind::conflict, "the container is on the network '{}' already", network.name);
  AttachRequest wanted = attach_request({network}, {attachment});
  std::string& interface = wanted.attachments.front().interface_name;
  if (interface.empty()) interface = fmt::format("eth{}", m_interfaces);
  AttachReply reply =
      TRY_WHILE(m_keeper->attach(wanted, m_namespace), "joining the network '{}'", network.name);
  ++m_interfaces;
  m_networks.push_back(network);
  for (AttachedNetwork& attached : reply.networks) m_attached.networks.push_back(std::move(attached));
  for (std::string& server : reply.nameservers) m_attached.nameservers.push_back(std::move(server));
  return {};
}

Result<> ContainerNetwork::disconnect(const std::string& name) {
  const auto network = std::ranges::find(m_networks, name, &NetworkConfig::name);
  if (!m_keeper || network == m_networks.end())
    return fail(ErrorKind::not_found, "the container is not on the network '{}'", printable(name, 200));
  TRY_WHILE(m_keeper->detach(name), "leaving the network '{}'", name);
  // Its server of names cannot be reached any more.
  std::erase_if(m_attached.nameservers, [&network](const std::string& server) {
    const auto address = IpAddress::parse(server);
    return address && std::ranges::any_of(network->subnets, [&address](const NetworkSubnet& subnet) {
             return subnet.subnet.contains(*address);
           });
  });
  std::erase_if(m_attached.networks, [&name](const auto& attached) { return attached.network == name; });
  m_networks.erase(network);
  return {};
}

std::string ContainerNetwork::resolv_conf() const {
  if (m_joined.resolv_conf) return with_resolver_settings(*m_joined.resolv_conf, m_request.resolver);
  std::string nameserver;
  if (m_private) nameserver = m_private->nameserver();
  // Through the keeper's own helper, when the network has no server of names.
  if (m_request.kind == Kind::named) nameserver = k_helper_nameserver;
  const std::string text = container_resolv_conf(m_host_resolv_conf, m_mode, nameserver);
  if (m_attached.nameservers.empty()) return with_resolver_settings(text, m_request.resolver);
  // The server of the networks asks the others itself, and knows which ones this container wants.
  ResolverSettings settings = m_request.resolver;
  settings.servers = m_attached.nameservers;
  // Names of containers are whole names. netavark's search domain would be asked first, and with several
  // networks it knows those of one only; the host's domains would take them to the host's servers.
  if (settings.search.empty()) settings.search = {"."};
  return with_resolver_settings(text, settings);
}

Result<> ContainerNetwork::make_files(const NetworkRequest& request) {
  m_files.emplace_back("/etc/resolv.conf", resolv_conf());
  std::vector<HostsLine> lines;
  for (const auto& [name, address] : request.hosts) {
    std::string text = address;
    if (address == k_host_gateway)
      text = m_private && m_private->host_address() ? m_private->host_address()->to_string() : "127.0.0.1";
    lines.push_back({.address = std::move(text), .names = name});
  }
  if (request.writes_hosts) {
    std::string own;
    if (!m_attached.networks.empty() && !m_attached.networks.front().addresses.empty())
      own = m_attached.networks.front().addresses.front().to_string();
    std::string text = container_hosts(m_hostname, own, lines);
    if (m_joined.hosts) {
      text = *m_joined.hosts;
      for (const HostsLine& line : lines) text += line.address + "\t" + line.names + "\n";
    }
    m_files.emplace_back("/etc/hosts", std::move(text));
  }
  if (request.writes_hostname) m_files.emplace_back("/etc/hostname", m_hostname + "\n");
  return {};
}

Result<ContainerNetwork> ContainerNetwork::open(const NetworkRequest& request, NetworkContext context) {
  TRY(check_network_request(request));
  ContainerNetwork network;
  network.m_mode = request.mode();
  network.m_request = request;
  network.m_hostname = context.hostname;
  network.m_id = context.container_id;
  network.m_name = context.container_name;
  network.m_host_resolv_conf = context.host_resolv_conf;
  // A port that is taken is told before anything is made.
  std::optional<HostPorts> host_ports;
  if (request.kind != Kind::host) {
    std::vector<PublishedPort> ports = TRY(ports_to_publish(request, context.exposed_by_image));
    if (!ports.empty()) host_ports.emplace(TRY(HostPorts::bind(std::move(ports), context.earlier_ports)));
  }
  if (request.kind == Kind::private_network) TRY(network.open_private(request, context));
  if (request.kind == Kind::named) TRY(network.open_named(request, context));
  if (request.kind == Kind::container || request.kind == Kind::path) {
    network.m_joined = std::move(context.joined);
    network.m_namespace = TRY(network.m_joined.network_namespace.duplicate());
  }
  TRY(network.make_files(request));
  if (host_ports) {
    network.m_ports = host_ports->ports();
    network.m_relay =
        TRY_WHILE(PortRelay::start(host_ports->take_sockets(), network.m_namespace), "publishing ports");
  }
  return network;
}

}  // namespace ecrin::run
