// A named network as a value, and as the JSON document that podman and netavark have for it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "run/network/ip_address.hpp"

namespace ecrin::run {

struct NetworkSubnet {
  Subnet subnet;
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> first, last;  // what containers may get; none: all of it
};

struct NetworkConfig {
  std::string name;
  std::string id;  // 64 hexadecimal digits
  std::string driver = "bridge";
  std::string interface_name;  // of the bridge
  std::string created;         // RFC 3339
  std::vector<NetworkSubnet> subnets;
  std::vector<IpAddress> nameservers;  // that answer for the world; none: the host's
  bool ipv6 = false;
  bool internal = false;  // no way out
  bool dns = true;        // containers find each other by name
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> options;
};

/// `what` names the document in errors. Everything in it is checked.
Result<NetworkConfig> parse_network_config(std::string_view text, std::string_view what);
std::string format_network_config(const NetworkConfig& config);
/// Letters, digits, '_', '.' and '-'; not one of the words that --network has.
Result<> check_network_name(std::string_view name);
/// Gateways and ranges lie in their subnets, which do not overlap; the driver is one that there is.
Result<> check_network_config(const NetworkConfig& config);

}  // namespace ecrin::run
