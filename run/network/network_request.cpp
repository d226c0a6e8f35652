#include "run/network/network_request.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::run {

Result<> check_network_request(const NetworkRequest& request) {
  using Kind = NetworkRequest::Kind;
  const bool publishes = !request.ports.empty() || request.publish_all;
  if (publishes && (request.kind == Kind::none || request.kind == Kind::container)) {
    return std::unexpected(
        Error(ErrorKind::invalid,
              fmt::format("ports cannot be published {}", request.kind == Kind::none
                                                              ? "without a network"
                                                              : "on the network of another container"))
            .hint(request.kind == Kind::none ? "leave out '--network none'"
                                             : "publish them with the container whose network it is"));
  }
  const bool reaches_host =
      std::ranges::any_of(request.hosts, [](const auto& host) { return host.second == k_host_gateway; });
  if (reaches_host && request.kind != Kind::private_network && request.kind != Kind::host) {
    return fail(ErrorKind::unsupported,
                "--add-host with host-gateway is for '--network private' and '--network host': from other "
                "networks the host has no address");
  }
  return check_published_ports(request.ports);
}

Result<std::vector<PublishedPort>> ports_to_publish(const NetworkRequest& request,
                                                    const std::vector<ExposedPort>& exposed_by_image) {
  std::vector<PublishedPort> ports = request.ports;
  for (const auto* list : {&exposed_by_image, &request.exposed}) {
    if (!request.publish_all) break;
    for (const ExposedPort& exposed : *list) {
      if (ports.size() > k_most_ports) break;  // which is refused below
      const auto same = [&exposed](const PublishedPort& port) {
        return port.container_port == exposed.port && port.protocol == exposed.protocol;
      };
      if (std::ranges::none_of(ports, same))
        ports.push_back({.address = std::nullopt,
                         .host_port = 0,
                         .container_port = exposed.port,
                         .protocol = exposed.protocol});
    }
  }
  TRY(check_published_ports(ports));
  return ports;
}

}  // namespace ecrin::run
