// Named networks as podman's documents have them, what their keeper and netavark are told and say, addresses,
// subnets and ports.
#include "run/network/netavark.hpp"
#include "run/network/network_config.hpp"
#include "run/network/published_port.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::run;
using ecrin::fuzz::require;

namespace {

void check_messages(std::string_view text) {
  if (const auto request = parse_attach_request(text)) {
    require(request->networks.size() == request->attachments.size());
    const std::string bytes = format_attach_request(*request);
    const auto again = parse_attach_request(bytes);
    require(again && format_attach_request(*again) == bytes);
    (void)netavark_options(*request);
    (void)choose_addresses(request->networks[0], request->attachments[0], {});
    (void)parse_netavark_status(text, *request);
  }
  if (const auto reply = parse_attach_reply(text)) {
    const std::string bytes = format_attach_reply(*reply);
    const auto again = parse_attach_reply(bytes);
    require(again && format_attach_reply(*again) == bytes);
  }
  AttachRequest request;
  request.networks.push_back({.name = "front"});
  request.attachments.push_back({.network = "front"});
  (void)parse_netavark_status(text, request);
  (void)netavark_error(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = ecrin::fuzz::text_of(data, size);
  if (const auto address = IpAddress::parse(text)) {
    require(IpAddress::parse(address->to_string()) == address);
    (void)address->next();
  }
  if (const auto subnet = Subnet::parse(text)) {
    const auto again = Subnet::parse(subnet->to_string());
    require(again && *again == *subnet);
    require(subnet->contains(subnet->base) && subnet->contains(subnet->last()));
    if (const auto second = subnet->at(1)) require(subnet->contains(*second));
  }
  if (const auto ports = parse_published_ports(text)) {
    require(!ports->empty() && ports->size() <= 65'536);
    const auto again = parse_published_ports(ports->front().to_string());
    require(again && again->size() == 1 && again->front() == ports->front());
    (void)check_published_ports(*ports);
  }
  if (const auto ports = parse_exposed_ports(text)) require(!ports->empty() && ports->size() <= 65'536);
  check_messages(text);
  if (const auto config = parse_network_config(text, "network")) {
    require(check_network_name(config->name).has_value());
    const auto again = parse_network_config(format_network_config(*config), "network");
    require(again && format_network_config(*again) == format_network_config(*config));
  }
  return 0;
}
