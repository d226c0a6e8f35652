#include "cli/containers/port_lines.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace ecrin::cli {
namespace {

using run::PublishedPort;

struct PortRun {
  PublishedPort first;
  unsigned size = 1;
};

std::string host_address(const PublishedPort& port) {
  return port.address ? port.address->to_string() : "0.0.0.0";
}

bool continues(const PortRun& ports, const PublishedPort& next) {
  PublishedPort expected = ports.first;
  expected.host_port = static_cast<std::uint16_t>(expected.host_port + ports.size);
  expected.container_port = static_cast<std::uint16_t>(expected.container_port + ports.size);
  return expected == next;
}

// Neighbours become ranges.
std::vector<PortRun> in_ranges(std::vector<PublishedPort> ports) {
  std::ranges::stable_sort(ports, {}, [](const PublishedPort& port) {
    return std::tuple(port.protocol, host_address(port), port.container_port, port.host_port);
  });
  std::vector<PortRun> ranges;
  for (const PublishedPort& port : ports) {
    if (!ranges.empty() && continues(ranges.back(), port)) {
      ++ranges.back().size;
    } else {
      ranges.push_back({.first = port});
    }
  }
  return ranges;
}

std::string range_text(std::string start, std::uint16_t first, unsigned size) {
  if (size > 1) start += fmt::format("-{}", first + size - 1);
  return start;
}

}  // namespace

std::vector<PublishedPort> shown_ports(const run::StoredContainer& record, const StoredRequest& stored) {
  const run::NetworkRequest& network = stored.request.network;
  if (!record.state.ports.empty() || network.kind == run::NetworkRequest::Kind::host)
    return record.state.ports;
  std::vector<PublishedPort> ports = network.ports;
  std::erase_if(ports, [](const PublishedPort& port) { return port.host_port == 0; });
  return ports;
}

std::string ports_column(const std::vector<PublishedPort>& ports) {
  std::vector<std::string> texts;
  for (const PortRun& range : in_ranges(ports)) {
    const PublishedPort& first = range.first;
    texts.push_back(
        fmt::format("{}->{}/{}", range_text(first.host_side(), first.host_port, range.size),
                    range_text(std::to_string(first.container_port), first.container_port, range.size),
                    run::to_string(first.protocol)));
  }
  return join(texts, ", ");
}

Json ports_document(const std::vector<PublishedPort>& ports) {
  Json list = Json::array();
  for (const PortRun& range : in_ranges(ports))
    list.push_back({{"host_ip", range.first.address ? range.first.address->to_string() : ""},
                    {"container_port", range.first.container_port},
                    {"host_port", range.first.host_port},
                    {"range", range.size},
                    {"protocol", run::to_string(range.first.protocol)}});
  return list;
}

Json port_bindings(const std::vector<PublishedPort>& ports, const std::vector<run::ExposedPort>& exposed) {
  Json bindings = Json::object();
  for (const run::ExposedPort& port : exposed)
    bindings[fmt::format("{}/{}", port.port, run::to_string(port.protocol))] = nullptr;
  for (const PublishedPort& port : ports)
    bindings[port.container_side()].push_back(
        {{"HostIp", host_address(port)}, {"HostPort", std::to_string(port.host_port)}});
  return bindings;
}

std::vector<std::string> port_lines(const std::vector<PublishedPort>& ports) {
  std::vector<std::string> lines;
  for (const PublishedPort& port : ports)
    lines.push_back(fmt::format("{} -> {}", port.container_side(), port.host_side()));
  return lines;
}

Result<std::vector<std::string>> places_of_port(const std::vector<PublishedPort>& ports,
                                                const std::string& text) {
  const auto wanted = TRY(run::parse_exposed_ports(text));
  if (wanted.size() != 1) return fail(ErrorKind::invalid, "'{}' is not one port", printable(text, 60));
  std::vector<std::string> places;
  for (const PublishedPort& port : ports)
    if (port.container_port == wanted.front().port && port.protocol == wanted.front().protocol)
      places.push_back(port.host_side());
  if (places.empty())
    return fail(ErrorKind::not_found, "port {}/{} of the container is not published", wanted.front().port,
                run::to_string(wanted.front().protocol));
  return places;
}

}  // namespace ecrin::cli
