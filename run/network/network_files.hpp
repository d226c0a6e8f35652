// The texts of /etc/resolv.conf, beyond what network.hpp tells the world.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "run/network/ip_address.hpp"

namespace ecrin::run {

/// Does this resolv.conf name a server that is not on the host's own loopback?
bool has_reachable_nameserver(std::string_view resolv_conf);

inline constexpr std::size_t k_most_nameservers = 3;  // MAXNS of the C library

/// What --dns, --dns-search and --dns-option put in place of the lines that are there.
struct ResolverSettings {
  std::vector<std::string> servers;
  std::vector<std::string> search;  // "." alone: none
  std::vector<std::string> options;
};
std::string with_resolver_settings(const std::string& resolv_conf, const ResolverSettings& settings);

/// Of /proc/net/route.
std::optional<IpAddress> default_gateway(std::string_view route_table);

}  // namespace ecrin::run
