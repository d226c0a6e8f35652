#include "run/network/container_network.hpp"

#include <algorithm>

#include "run/network/network_namespace.hpp"

namespace ecrin::run {

using Kind = NetworkRequest::Kind;

namespace {

constexpr std::size_t k_short_id = 12;  // as people see IDs, and name containers by them

}  // namespace

Result<> ContainerNetwork::open_private(const NetworkRequest& request, const NetworkContext& context) {
  PrivateNetworkOptions options{.helper = request.helper};
  options.reach_host =
      std::ranges::any_of(request.hosts, [](const auto& host) { return host.second == k_host_gateway; });
  m_private.emplace(
      TRY_WHILE(PrivateNetwork::create(context.search_path, options), "making a private network"));
  m_namespace = TRY(m_private->network_namespace().duplicate());
  return {};
}

Result<> ContainerNetwork::open_named(const NetworkRequest& request, NetworkContext& context) {
  if (!context.keeper || context.networks.size() != request.attachments.size())
    return fail(ErrorKind::invalid, "a container on named networks needs a keeper of them");
  AttachRequest wanted{
      .container_id = context.container_id,
      .container_name = context.container_name.empty() ? context.hostname : context.container_name,
      .attachments = request.attachments,
      .nameservers = request.resolver.servers};
  for (std::size_t index = 0; index < context.networks.size(); ++index) {
    const NetworkConfig& config = context.networks[index];
    NetworkAttachment& attachment = wanted.attachments[index];
    attachment.network = config.name;  // the user may have said its ID
    for (const std::string& name : {context.hostname, context.container_id.substr(0, k_short_id)}) {
      if (name != wanted.container_name &&
          std::ranges::find(attachment.aliases, name) == attachment.aliases.end())
        attachment.aliases.push_back(name);
    }
    wanted.networks.push_back(config);
  }
  NetworkNamespace made = TRY(NetworkNamespace::create());
  m_namespace = std::move(made.descriptor());
  m_attached = TRY_WHILE(context.keeper->attach(wanted, m_namespace), "joining named networks");
  m_keeper = std::move(context.keeper);
  return {};
}

std::string ContainerNetwork::resolv_conf(const NetworkRequest& request,
                                          const NetworkContext& context) const {
  if (m_joined.resolv_conf) return with_resolver_settings(*m_joined.resolv_conf, request.resolver);
  std::string nameserver;
  if (m_private) nameserver = m_private->nameserver();
  // Through the keeper's own helper, when the network has no server of names.
  if (request.kind == Kind::named) nameserver = k_helper_nameserver;
  const std::string text = container_resolv_conf(context.host_resolv_conf, m_mode, nameserver);
  if (m_attached.nameservers.empty()) return with_resolver_settings(text, request.resolver);
  // The server of the networks asks the others itself, and knows which ones this container wants.
  ResolverSettings settings = request.resolver;
  settings.servers = m_attached.nameservers;
  // Names of containers are whole names. netavark's search domain would be asked first, and with several
  // networks it knows those of one only; the host's domains would take them to the host's servers.
  if (settings.search.empty()) settings.search = {"."};
  return with_resolver_settings(text, settings);
}

Result<> ContainerNetwork::make_files(const NetworkRequest& request, const NetworkContext& context) {
  m_files.emplace_back("/etc/resolv.conf", resolv_conf(request, context));
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
    std::string text = container_hosts(context.hostname, own, lines);
    if (m_joined.hosts) {
      text = *m_joined.hosts;
      for (const HostsLine& line : lines) text += line.address + "\t" + line.names + "\n";
    }
    m_files.emplace_back("/etc/hosts", std::move(text));
  }
  if (request.writes_hostname) m_files.emplace_back("/etc/hostname", context.hostname + "\n");
  return {};
}

Result<ContainerNetwork> ContainerNetwork::open(const NetworkRequest& request, NetworkContext context) {
  TRY(check_network_request(request));
  ContainerNetwork network;
  network.m_mode = request.mode();
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
  TRY(network.make_files(request, context));
  if (host_ports) {
    network.m_ports = host_ports->ports();
    network.m_relay =
        TRY_WHILE(PortRelay::start(host_ports->take_sockets(), network.m_namespace), "publishing ports");
  }
  return network;
}

}  // namespace ecrin::run
