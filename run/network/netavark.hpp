// The documents that netavark(1) takes and gives, and what a keeper (network_keeper.hpp) and its containers
// tell each other. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "run/network/network_config.hpp"
#include "run/network/network_request.hpp"

namespace ecrin::run {

/// A container that wants to be on named networks.
struct AttachRequest {
  std::string container_id;
  std::string container_name;
  std::vector<NetworkConfig> networks;  // as many as attachments, in their order
  std::vector<NetworkAttachment> attachments;
  std::vector<std::string> nameservers;  // of this container, for the world
};

/// What it got.
struct AttachedNetwork {
  std::string network;
  std::vector<IpAddress> addresses;
};
struct AttachReply {
  std::vector<AttachedNetwork> networks;
  std::vector<std::string> nameservers;  // that know the other containers; none: the networks have no names
  std::vector<std::string> search;
};

std::string format_attach_request(const AttachRequest& request);
Result<AttachRequest> parse_attach_request(std::string_view text);
std::string format_attach_reply(const AttachReply& reply);
Result<AttachReply> parse_attach_reply(std::string_view text);

/// An address of each subnet that the container asked for, or the lowest free one. `used` are the addresses
/// of other containers on the network.
Result<std::vector<IpAddress>> choose_addresses(const NetworkConfig& network, const NetworkAttachment& wanted,
                                                const std::set<IpAddress>& used);

/// For `netavark setup` and `teardown`: the attachments have their addresses and interfaces.
std::string netavark_options(const AttachRequest& request);
/// What `netavark setup` prints.
Result<AttachReply> parse_netavark_status(std::string_view text, const AttachRequest& request);
/// What it prints when it fails: {"error": "..."}; else the text itself.
std::string netavark_error(std::string_view text);

}  // namespace ecrin::run
