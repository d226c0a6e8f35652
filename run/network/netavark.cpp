#include "run/network/netavark.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_request = "a request to the keeper of networks";
constexpr std::string_view k_reply = "an answer of the keeper of networks";
constexpr std::string_view k_status = "the answer of netavark";

Json texts(const std::vector<IpAddress>& addresses) {
  Json list = Json::array();
  for (const IpAddress& address : addresses) list.push_back(address.to_string());
  return list;
}

Result<std::vector<IpAddress>> addresses_of(const Json& object, const char* key, std::string_view what) {
  std::vector<IpAddress> addresses;
  const auto list = TRY(json_strings(object, key, what));
  for (const std::string& text : list.value_or(std::vector<std::string>{})) {
    const auto address = IpAddress::parse(text.substr(0, text.find('/')));
    if (!address) return fail(ErrorKind::invalid, "{}: '{}' is no address", what, printable(text, 100));
    addresses.push_back(*address);
  }
  return addresses;
}

Result<std::vector<std::string>> strings_of(const Json& object, const char* key, std::string_view what) {
  return TRY(json_strings(object, key, what)).value_or(std::vector<std::string>{});
}

// A NetworkConfig is put into other documents as it stands in its own.
Json document_of(const NetworkConfig& config) {
  return parse_json(format_network_config(config), "a network").value_or(Json::object());
}

void append_new(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const std::string& text : more)
    if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

}  // namespace

std::string format_attach_request(const AttachRequest& request) {
  Json networks = Json::array();
  for (std::size_t index = 0; index < request.attachments.size(); ++index) {
    const NetworkAttachment& wanted = request.attachments[index];
    networks.push_back({{"config", document_of(request.networks[index])},
                        {"aliases", wanted.aliases},
                        {"addresses", texts(wanted.addresses)},
                        {"mac", wanted.mac_address},
                        {"interface", wanted.interface_name}});
  }
  return dump_json({{"id", request.container_id},
                    {"name", request.container_name},
                    {"networks", std::move(networks)},
                    {"dns", request.nameservers}});
}

Result<AttachRequest> parse_attach_request(std::string_view text) {
  const Json document = TRY(parse_json(text, k_request));
  AttachRequest request;
  request.container_id = TRY(json_string(document, "id", k_request)).value_or("");
  request.container_name = TRY(json_string(document, "name", k_request)).value_or("");
  request.nameservers = TRY(strings_of(document, "dns", k_request));
  const Json* networks = TRY(json_array(document, "networks", k_request));
  if (!networks || networks->empty()) return fail(ErrorKind::invalid, "{} names no network", k_request);
  for (const Json& entry : *networks) {
    const Json* config = TRY(json_object(entry, "config", k_request));
    if (!config) return fail(ErrorKind::invalid, "{} has a network without a description", k_request);
    request.networks.push_back(TRY(parse_network_config(dump_json(*config), k_request)));
    NetworkAttachment wanted{.network = request.networks.back().name};
    wanted.aliases = TRY(strings_of(entry, "aliases", k_request));
    wanted.addresses = TRY(addresses_of(entry, "addresses", k_request));
    wanted.mac_address = TRY(json_string(entry, "mac", k_request)).value_or("");
    wanted.interface_name = TRY(json_string(entry, "interface", k_request)).value_or("");
    request.attachments.push_back(std::move(wanted));
  }
  return request;
}

std::string format_attach_reply(const AttachReply& reply) {
  Json networks = Json::array();
  for (const AttachedNetwork& network : reply.networks) {
    networks.push_back({{"network", network.network}, {"addresses", texts(network.addresses)}});
  }
  return dump_json({{"networks", std::move(networks)}, {"dns", reply.nameservers}, {"search", reply.search}});
}

Result<AttachReply> parse_attach_reply(std::string_view text) {
  const Json document = TRY(parse_json(text, k_reply));
  AttachReply reply;
  reply.nameservers = TRY(strings_of(document, "dns", k_reply));
  reply.search = TRY(strings_of(document, "search", k_reply));
  if (const Json* networks = TRY(json_array(document, "networks", k_reply))) {
    for (const Json& entry : *networks) {
      AttachedNetwork network;
      network.network = TRY(json_string(entry, "network", k_reply)).value_or("");
      network.addresses = TRY(addresses_of(entry, "addresses", k_reply));
      reply.networks.push_back(std::move(network));
    }
  }
  return reply;
}

Result<std::vector<IpAddress>> choose_addresses(const NetworkConfig& network, const NetworkAttachment& wanted,
                                                const std::set<IpAddress>& used) {
  std::vector<IpAddress> chosen;
  std::size_t served = 0;
  for (const NetworkSubnet& subnet : network.subnets) {
    const auto asked = std::ranges::find_if(
        wanted.addresses, [&subnet](const IpAddress& address) { return subnet.subnet.contains(address); });
    if (asked != wanted.addresses.end()) {
      if (used.contains(*asked) || subnet.gateway == *asked)
        return fail(ErrorKind::conflict, "the address {} of the network '{}' is in use", asked->to_string(),
                    network.name);
      chosen.push_back(*asked);
      ++served;
      continue;
    }
    // As many steps as there are others: one more is free, unless the subnet ends.
    IpAddress free = subnet.first.value_or(subnet.subnet.at(1).value_or(subnet.subnet.base));
    while (subnet.gateway == free || used.contains(free)) free = free.next();
    if ((subnet.last && free > *subnet.last) || !subnet.subnet.contains(free) || free == subnet.subnet.last())
      return fail(ErrorKind::limit, "all addresses of {} on the network '{}' are in use",
                  subnet.subnet.to_string(), network.name);
    chosen.push_back(free);
  }
  if (served != wanted.addresses.size())
    return fail(ErrorKind::invalid, "an address for the container is in no subnet of the network '{}'",
                network.name);
  return chosen;
}

std::string netavark_options(const AttachRequest& request) {
  Json options = {{"container_id", request.container_id}, {"container_name", request.container_name}};
  if (!request.nameservers.empty()) options["dns_servers"] = request.nameservers;
  for (std::size_t index = 0; index < request.attachments.size(); ++index) {
    const NetworkAttachment& attachment = request.attachments[index];
    Json wanted = {{"interface_name", attachment.interface_name},
                   {"static_ips", texts(attachment.addresses)},
                   {"aliases", attachment.aliases}};
    if (!attachment.mac_address.empty()) wanted["static_mac"] = attachment.mac_address;
    options["networks"][attachment.network] = std::move(wanted);
    options["network_info"][attachment.network] = document_of(request.networks[index]);
  }
  return dump_json(options);
}

Result<AttachReply> parse_netavark_status(std::string_view text, const AttachRequest& request) {
  const Json document = TRY(parse_json(text, k_status));
  AttachReply reply;
  for (const NetworkAttachment& attachment : request.attachments) {
    const Json* status = TRY(json_object(document, attachment.network.c_str(), k_status));
    if (!status)
      return fail(ErrorKind::invalid, "{} has no network '{}'", k_status, printable(attachment.network, 200));
    append_new(reply.nameservers, TRY(strings_of(*status, "dns_server_ips", k_status)));
    append_new(reply.search, TRY(strings_of(*status, "dns_search_domains", k_status)));
    AttachedNetwork network{.network = attachment.network};
    const Json* interfaces = TRY(json_object(*status, "interfaces", k_status));
    if (interfaces) {
      for (const auto& [name, interface] : interfaces->items()) {
        const Json* subnets = TRY(json_array(interface, "subnets", k_status));
        if (!subnets) continue;
        for (const Json& subnet : *subnets) {
          const std::string own = TRY(json_string(subnet, "ipnet", k_status)).value_or("");
          if (const auto address = IpAddress::parse(own.substr(0, own.find('/'))))
            network.addresses.push_back(*address);
        }
      }
    }
    reply.networks.push_back(std::move(network));
  }
  return reply;
}

std::string netavark_error(std::string_view text) {
  if (const auto document = parse_json(trim(text), k_status); document && document->is_object()) {
    if (const auto error = json_string(*document, "error", k_status); error && *error)
      return printable(**error, 1024);
  }
  return printable(trim(text), 1024);
}

}  // namespace ecrin::run
