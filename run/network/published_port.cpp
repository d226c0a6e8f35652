#include "run/network/published_port.hpp"

#include <set>

#include "base/log.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  unsigned size() const { return 1u + last - first; }
};

Result<std::uint16_t> parse_port(std::string_view text, std::string_view whole) {
  const auto number = parse_unsigned(text, 65535);
  if (!number || *number == 0) {
    return fail(ErrorKind::invalid, "'{}': a port is a number from 1 to 65535, not '{}'",
                printable(whole, 200), printable(text, 200));
  }
  return static_cast<std::uint16_t>(*number);
}

Result<PortRange> parse_range(std::string_view text, std::string_view whole) {
  const std::size_t dash = text.find('-');
  PortRange range;
  range.first = range.last = TRY(parse_port(text.substr(0, dash), whole));
  if (dash != std::string_view::npos) range.last = TRY(parse_port(text.substr(dash + 1), whole));
  if (range.last < range.first)
    return fail(ErrorKind::invalid, "'{}': the range of ports ends before it begins", printable(whole, 200));
  return range;
}

// Takes "/udp" off the end.
Result<Protocol> take_protocol(std::string_view& text, std::string_view whole) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return Protocol::tcp;
  const std::string name = to_lower(text.substr(slash + 1));
  text = text.substr(0, slash);
  if (name == "tcp") return Protocol::tcp;
  if (name == "udp") return Protocol::udp;
  if (name == "sctp")
    return fail(ErrorKind::unsupported, "'{}': only tcp and udp can be published", printable(whole, 200));
  return fail(ErrorKind::invalid, "'{}': a protocol is tcp or udp, not '{}'", printable(whole, 200),
              printable(name, 200));
}

// Takes "ADDRESS:" off the front; what is left is [HOST-PORT:]PORT.
Result<std::optional<IpAddress>> take_address(std::string_view& text, std::string_view whole) {
  std::string_view address;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const std::size_t end = text.find("]:");
    if (end == std::string_view::npos)
      return fail(ErrorKind::invalid, "'{}': an IPv6 address is '[ADDRESS]:...'", printable(whole, 200));
    address = text.substr(1, end - 1);
    text.remove_prefix(end + 2);
  } else {
    const std::size_t last = text.rfind(':');
    const std::size_t first =
        last == std::string_view::npos || last == 0 ? std::string_view::npos : text.rfind(':', last - 1);
    if (first == std::string_view::npos) return std::nullopt;
    address = text.substr(0, first);
    text.remove_prefix(first + 1);
    if (address.empty()) return std::nullopt;
  }
  const auto parsed = IpAddress::parse(address);
  if (!parsed || bracketed != (parsed->family == IpAddress::Family::v6)) {
    auto error =
        fail(ErrorKind::invalid, "'{}': '{}' is no address", printable(whole, 200), printable(address, 200));
    if (!address.contains(':')) return error;
    return std::unexpected(std::move(error).error().hint("IPv6 addresses stand in brackets: [::1]:8080:80"));
  }
  return parsed;
}

}  // namespace

std::string_view to_string(Protocol protocol) {
  return protocol == Protocol::tcp ? "tcp" : "udp";
}

std::string PublishedPort::host_side() const {
  const std::string text = address ? address->to_string() : "0.0.0.0";
  return text.contains(':') ? fmt::format("[{}]:{}", text, host_port) : fmt::format("{}:{}", text, host_port);
}

std::string PublishedPort::to_string() const {
  const std::string host = address ? host_side() : std::to_string(host_port);
  return fmt::format("{}:{}", host, container_side());
}

std::string PublishedPort::container_side() const {
  return fmt::format("{}/{}", container_port, run::to_string(protocol));
}

Result<std::vector<PublishedPort>> parse_published_ports(std::string_view text) {
  std::string_view rest = text;
  const Protocol protocol = TRY(take_protocol(rest, text));
  const std::optional<IpAddress> address = TRY(take_address(rest, text));
  const std::size_t colon = rest.find(':');
  const std::string_view host = colon == std::string_view::npos ? "" : rest.substr(0, colon);
  const PortRange inside =
      TRY(parse_range(colon == std::string_view::npos ? rest : rest.substr(colon + 1), text));
  std::optional<PortRange> outside;
  if (!host.empty() && host != "0") outside = TRY(parse_range(host, text));
  if (outside && outside->size() != inside.size()) {
    return fail(ErrorKind::invalid, "'{}': there are {} ports of the host for {} of the container",
                printable(text, 200), outside->size(), inside.size());
  }
  std::vector<PublishedPort> ports;
  for (unsigned index = 0; index < inside.size(); ++index) {
    ports.push_back({.address = address,
                     .host_port = outside ? static_cast<std::uint16_t>(outside->first + index)
                                          : static_cast<std::uint16_t>(0),
                     .container_port = static_cast<std::uint16_t>(inside.first + index),
                     .protocol = protocol});
  }
  return ports;
}

Result<std::vector<ExposedPort>> parse_exposed_ports(std::string_view text) {
  std::string_view rest = text;
  const Protocol protocol = TRY(take_protocol(rest, text));
  const PortRange range = TRY(parse_range(rest, text));
  std::vector<ExposedPort> ports;
  for (unsigned port = range.first; port <= range.last; ++port)
    ports.push_back({.port = static_cast<std::uint16_t>(port), .protocol = protocol});
  return ports;
}

Result<std::vector<ExposedPort>> parse_ports_of_image(const std::vector<std::string>& lines) {
  std::set<ExposedPort> ports;
  for (const std::string& line : lines) {
    const auto parsed = parse_exposed_ports(line);
    if (!parsed) {
      log::warning("an exposed port of the image is left out: {}", parsed.error().message());
      continue;
    }
    ports.insert(parsed->begin(), parsed->end());
    if (ports.size() > k_most_ports) {
      return std::unexpected(
          Error(ErrorKind::limit, fmt::format("the image exposes more than {} ports", k_most_ports))
              .hint("name those that are needed with --publish"));
    }
  }
  return std::vector<ExposedPort>(ports.begin(), ports.end());
}

std::vector<std::uint16_t> earlier_numbers(const std::vector<PublishedPort>& ports,
                                           const std::vector<PublishedPort>& earlier) {
  std::vector<std::uint16_t> numbers;
  std::vector<bool> taken(earlier.size(), false);
  for (const PublishedPort& port : ports) {
    std::uint16_t& number = numbers.emplace_back(std::uint16_t{0});
    for (std::size_t index = 0; port.host_port == 0 && number == 0 && index < earlier.size(); ++index) {
      PublishedPort same = earlier[index];
      same.host_port = 0;
      if (taken[index] || same != port) continue;
      number = earlier[index].host_port;
      taken[index] = true;
    }
  }
  return numbers;
}

Result<> check_published_ports(const std::vector<PublishedPort>& ports) {
  if (ports.size() > k_most_ports)
    return fail(ErrorKind::limit, "{} ports are published, and {} is the most", ports.size(), k_most_ports);
  for (std::size_t index = 0; index < ports.size(); ++index) {
    for (std::size_t other = 0; other < index; ++other) {
      const PublishedPort& one = ports[index];
      const PublishedPort& two = ports[other];
      const bool same_address =
          !one.address || !two.address || one.address == two.address ||
          (one.address->family == two.address->family && (one.address->is_any() || two.address->is_any()));
      if (one.host_port != 0 && one.host_port == two.host_port && one.protocol == two.protocol &&
          same_address) {
        return fail(ErrorKind::invalid, "port {}/{} of the host is published twice", one.host_port,
                    to_string(one.protocol));
      }
    }
  }
  return {};
}

}  // namespace ecrin::run
