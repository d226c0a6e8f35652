// Named networks as podman's documents have them, addresses, subnets and ports.
#include "run/network/network_config.hpp"
#include "run/network/published_port.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin::run;
using ecrin::fuzz::require;

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
  if (const auto config = parse_network_config(text, "network")) {
    require(check_network_name(config->name).has_value());
    const auto again = parse_network_config(format_network_config(*config), "network");
    require(again && format_network_config(*again) == format_network_config(*config));
  }
  return 0;
}
