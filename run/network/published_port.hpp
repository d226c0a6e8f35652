// Ports of a container that the host's ports stand for: what --publish says, and what came of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "run/network/ip_address.hpp"

namespace ecrin::run {

enum class Protocol { tcp, udp };
std::string_view to_string(Protocol protocol);

struct PublishedPort {
  std::optional<IpAddress> address;  // of the host; none: all of them, IPv4 and IPv6
  std::uint16_t host_port = 0;       // 0: a free one is to be chosen
  std::uint16_t container_port = 0;
  Protocol protocol = Protocol::tcp;
  bool operator==(const PublishedPort&) const = default;

  /// "0.0.0.0:8080", "[::1]:8080": the host's side, as `port` prints it.
  std::string host_side() const;
  /// As --publish takes it: "8080:80/tcp", "[::1]:8080:80/udp".
  std::string to_string() const;
  /// "80/tcp"
  std::string container_side() const;
};

/// Of one container.
inline constexpr std::size_t k_most_ports = 4096;

struct ExposedPort {
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
  auto operator<=>(const ExposedPort&) const = default;
};

/// [[ADDRESS:][HOST-PORT]:]PORT[/tcp|udp], where a port may be a range "8000-8010" and an IPv6 address stands
/// in brackets. One value for each port.
Result<std::vector<PublishedPort>> parse_published_ports(std::string_view text);
/// What an image's EXPOSE and --expose say: "80", "80/udp", "8000-8010/tcp".
Result<std::vector<ExposedPort>> parse_exposed_ports(std::string_view text);
/// All that an image exposes, each port once. A line that means nothing is left out with a warning.
Result<std::vector<ExposedPort>> parse_ports_of_image(const std::vector<std::string>& lines);
/// For each port the number that it had earlier when it is to be chosen now; else 0.
std::vector<std::uint16_t> earlier_numbers(const std::vector<PublishedPort>& ports,
                                           const std::vector<PublishedPort>& earlier);
/// Refuses a port of the host that two of them want, and too many ports.
Result<> check_published_ports(const std::vector<PublishedPort>& ports);

}  // namespace ecrin::run
