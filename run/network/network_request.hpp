// What a user wants of a container's network, as a value: the words of --network, --publish, --dns ...
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "run/network/ip_address.hpp"
#include "run/network/network.hpp"
#include "run/network/network_files.hpp"
#include "run/network/published_port.hpp"

namespace ecrin::run {

/// A named network that a container is on.
struct NetworkAttachment {
  std::string network;
  std::vector<std::string> aliases;  // more names that the others find it by
  std::vector<IpAddress> addresses;  // at most one of each family; none: a free one
  std::string mac_address;           // "" = any
  std::string interface_name;        // "" = eth0, eth1 ...
  bool operator==(const NetworkAttachment&) const = default;
};

struct NetworkRequest {
  enum class Kind {
    none,             // a loopback device only
    host,             // the host's own
    private_network,  // its own, translated to the host's sockets by a helper
    named,            // one or several networks that containers share
    container,        // that of another container
    path,             // a network namespace that a path leads to
  };
  Kind kind = Kind::private_network;
  std::string helper;                          // private: "pasta", "slirp4netns", "" = any
  std::string target;                          // the container's name or ID, or the path
  std::vector<NetworkAttachment> attachments;  // named
  std::vector<PublishedPort> ports;
  std::vector<ExposedPort> exposed;  // --expose
  bool publish_all = false;          // what is exposed, too
  ResolverSettings resolver;
  std::vector<std::pair<std::string, std::string>> hosts;  // name, address or "host-gateway"
  bool writes_hosts = true;                                // /etc/hosts; else the image's stays
  bool writes_hostname = true;                             // /etc/hostname

  NetworkMode mode() const {
    return kind == Kind::none   ? NetworkMode::none
           : kind == Kind::host ? NetworkMode::host
                                : NetworkMode::private_network;
  }
};

/// "host-gateway" in --add-host.
inline constexpr std::string_view k_host_gateway = "host-gateway";

/// Refuses what cannot be together, before anything is started.
Result<> check_network_request(const NetworkRequest& request);
/// The ports to publish: those that were named, and with publish_all the exposed ones that are not among
/// them. Too many of them, and a port of the host that two want, are errors.
Result<std::vector<PublishedPort>> ports_to_publish(const NetworkRequest& request,
                                                    const std::vector<ExposedPort>& exposed_by_image);

}  // namespace ecrin::run
