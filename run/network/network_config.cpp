#include "run/network/network_config.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "oci/json_fields.hpp"

namespace ecrin::run {
namespace {

constexpr std::size_t k_longest_name = 128;
constexpr std::size_t k_longest_interface = 15;  // IFNAMSIZ without its end
constexpr std::size_t k_most_subnets = 16;

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
}

Result<IpAddress> address_of(std::string_view text, std::string_view what) {
  const auto address = IpAddress::parse(text);
  if (!address) return fail(ErrorKind::invalid, "{}: '{}' is no address", what, printable(text, 100));
  return *address;
}

Result<std::optional<IpAddress>> address_member(const Json& object, const char* key, std::string_view what) {
  const auto text = TRY(json_string(object, key, what));
  if (!text || text->empty()) return std::nullopt;
  return TRY(address_of(*text, what));
}

Result<NetworkSubnet> parse_subnet(const Json& object, std::string_view what) {
  if (!object.is_object()) return fail(ErrorKind::invalid, "{}: a subnet is no object", what);
  NetworkSubnet result;
  result.subnet =
      TRY_WHILE(Subnet::parse(TRY(json_string(object, "subnet", what)).value_or("")), "reading {}", what);
  result.gateway = TRY(address_member(object, "gateway", what));
  if (const Json* range = TRY(json_object(object, "lease_range", what))) {
    result.first = TRY(address_member(*range, "start_ip", what));
    result.last = TRY(address_member(*range, "end_ip", what));
  }
  return result;
}

}  // namespace

Result<> check_network_name(std::string_view name) {
  constexpr std::array<std::string_view, 8> k_words = {"none",        "host",      "private", "default",
                                                       "slirp4netns", "container", "ns",      "pasta"};
  if (name.empty() || name.size() > k_longest_name ||
      !std::isalnum(static_cast<unsigned char>(name.front())) ||
      !std::ranges::all_of(name, is_name_character))
    return fail(ErrorKind::invalid,
                "'{}' is no name for a network: it has letters, digits, '_', '.' and '-', at most {}",
                printable(name, 200), k_longest_name);
  if (std::ranges::find(k_words, name) != k_words.end())
    return fail(ErrorKind::invalid, "no network can have the name '{}': it is a word of --network", name);
  return {};
}

Result<> check_network_config(const NetworkConfig& config) {
  if (config.driver != "bridge")
    return std::unexpected(Error(ErrorKind::unsupported, fmt::format("there is no network driver '{}'",
                                                                     printable(config.driver, 100)))
                               .hint("the driver of networks of a user is bridge"));
  if (config.interface_name.size() > k_longest_interface ||
      !std::ranges::all_of(config.interface_name, is_name_character))
    return fail(ErrorKind::invalid, "'{}' is no name for an interface",
                printable(config.interface_name, 100));
  if (config.subnets.size() > k_most_subnets)
    return fail(ErrorKind::limit, "a network has at most {} subnets", k_most_subnets);
  for (std::size_t index = 0; index < config.subnets.size(); ++index) {
    const NetworkSubnet& one = config.subnets[index];
    if (one.subnet.base.bits() - one.subnet.prefix < 2)
      return fail(ErrorKind::invalid, "the subnet {} has no room for containers", one.subnet.to_string());
    for (const auto* address : {&one.gateway, &one.first, &one.last}) {
      if (*address && !one.subnet.contains(**address))
        return fail(ErrorKind::invalid, "{} is not in the subnet {}", (*address)->to_string(),
                    one.subnet.to_string());
    }
    if (one.first && one.last && *one.last < *one.first)
      return fail(ErrorKind::invalid, "the range of addresses in {} ends before it begins",
                  one.subnet.to_string());
    for (std::size_t other = 0; other < index; ++other) {
      if (one.subnet.overlaps(config.subnets[other].subnet))
        return fail(ErrorKind::invalid, "the subnets {} and {} overlap", one.subnet.to_string(),
                    config.subnets[other].subnet.to_string());
    }
  }
  return {};
}

Result<NetworkConfig> parse_network_config(std::string_view text, std::string_view what) {
  const Json document = TRY(parse_json(text, what));
  if (!document.is_object()) return fail(ErrorKind::invalid, "{} is no object", what);
  NetworkConfig config;
  config.name = TRY(json_string(document, "name", what)).value_or("");
  TRY_WHILE(check_network_name(config.name), "reading {}", what);
  config.id = TRY(json_string(document, "id", what)).value_or("");
  config.driver = TRY(json_string(document, "driver", what)).value_or("bridge");
  config.interface_name = TRY(json_string(document, "network_interface", what)).value_or("");
  config.created = TRY(json_string(document, "created", what)).value_or("");
  if (const Json* subnets = TRY(json_array(document, "subnets", what))) {
    for (const Json& subnet : *subnets) config.subnets.push_back(TRY(parse_subnet(subnet, what)));
  }
  const auto nameservers = TRY(json_strings(document, "network_dns_servers", what));
  for (const std::string& server : nameservers.value_or(std::vector<std::string>{}))
    config.nameservers.push_back(TRY(address_of(server, what)));
  config.ipv6 = TRY(json_bool(document, "ipv6_enabled", what)).value_or(false);
  config.internal = TRY(json_bool(document, "internal", what)).value_or(false);
  config.dns = TRY(json_bool(document, "dns_enabled", what)).value_or(false);
  config.labels = TRY(oci::json_string_map(document, "labels", what));
  config.options = TRY(oci::json_string_map(document, "options", what));
  TRY_WHILE(check_network_config(config), "reading {}", what);
  return config;
}

std::string format_network_config(const NetworkConfig& config) {
  Json document = {{"name", config.name},
                   {"id", config.id},
                   {"driver", config.driver},
                   {"network_interface", config.interface_name},
                   {"created", config.created},
                   {"ipv6_enabled", config.ipv6},
                   {"internal", config.internal},
                   {"dns_enabled", config.dns},
                   {"ipam_options", {{"driver", "host-local"}}}};
  Json subnets = Json::array();
  for (const NetworkSubnet& subnet : config.subnets) {
    Json entry = {{"subnet", subnet.subnet.to_string()}};
    if (subnet.gateway) entry["gateway"] = subnet.gateway->to_string();
    if (subnet.first) entry["lease_range"]["start_ip"] = subnet.first->to_string();
    if (subnet.last) entry["lease_range"]["end_ip"] = subnet.last->to_string();
    subnets.push_back(std::move(entry));
  }
  document["subnets"] = std::move(subnets);
  for (const IpAddress& server : config.nameservers)
    document["network_dns_servers"].push_back(server.to_string());
  if (!config.labels.empty()) document["labels"] = config.labels;
  if (!config.options.empty()) document["options"] = config.options;
  return dump_json_pretty(document);
}

}  // namespace ecrin::run
