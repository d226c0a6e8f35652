#include "run/network/host_ports.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/network/socket_address.hpp"

namespace ecrin::run {
namespace {

constexpr int k_backlog = 512;
constexpr unsigned k_tries_for_a_free_port = 16;

enum class Refused { in_use, no_family };

// What cannot be bound for a reason that another port or the other family may not have is a value.
struct Bound {
  Fd socket;
  std::uint16_t port = 0;
  std::optional<Refused> refused;
};

std::unexpected<Error> explain(int code, const IpAddress& address, std::uint16_t port, Protocol protocol) {
  const std::string name = fmt::format("port {}/{}", port, to_string(protocol));
  if (code == EADDRINUSE) {
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("{} of the host is in use", name))
            .hint(fmt::format("publish another one (-p OTHER:PORT), or see with 'ss -lnp' who has it")));
  }
  if (code == EADDRNOTAVAIL)
    return fail(ErrorKind::not_found, "the host has no address {} to publish {} on", address.to_string(),
                name);
  const auto first = posix::read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", 64);
  const std::string start(trim(first.value_or("1024")));
  if (code == EACCES && port != 0 && port < parse_unsigned(start).value_or(1024)) {
    return std::unexpected(
        Error(ErrorKind::denied,
              fmt::format("{} of the host is for root: users may have ports from {} on", name, start))
            .hint(fmt::format("publish a port from {} on, or allow it as root: sysctl "
                              "net.ipv4.ip_unprivileged_port_start={}",
                              start, port)));
  }
  return std::unexpected(
      Error::from_errno(code, fmt::format("cannot publish {} on {}", name, address.to_string())));
}

Result<Bound> bind_one(const IpAddress& address, std::uint16_t port, Protocol protocol) {
  const bool is_tcp = protocol == Protocol::tcp;
  Bound bound;
  bound.socket = Fd(::socket(domain_of(address.family),
                             (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!bound.socket) {
    if (errno != EAFNOSUPPORT) return fail_errno("cannot make a socket for a published port");
    bound.refused = Refused::no_family;
    return bound;
  }
  const int on = 1;
  const int socket = bound.socket.get();
  // Connections of an earlier container may still be waiting for their end. With UDP the same option would
  // let two programs have one port.
  if (is_tcp) ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family == IpAddress::Family::v6)
    ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (!is_tcp && address.family == IpAddress::Family::v4)
    ::setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  if (!is_tcp && address.family == IpAddress::Family::v6)
    ::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  SocketAddress name(address, port);
  if (::bind(socket, name.get(), name.size) != 0 || (is_tcp && ::listen(socket, k_backlog) != 0)) {
    if (errno == EADDRINUSE) {
      bound.refused = Refused::in_use;
    } else if (errno == EADDRNOTAVAIL && address.is_any()) {
      bound.refused = Refused::no_family;
    } else {
      return explain(errno, address, port, protocol);
    }
    return bound;
  }
  if (::getsockname(socket, name.get(), &name.size) != 0)
    return fail_errno("cannot ask for the number of a port");
  bound.port = port_of(name.get());
  return bound;
}

// On all addresses or on one: `port` becomes the number that was chosen. Empty: it is in use.
Result<std::vector<HostSocket>> bind_port(PublishedPort& port) {
  std::vector<IpAddress> addresses;
  if (port.address) {
    addresses = {*port.address};
  } else {
    addresses = {IpAddress::any(IpAddress::Family::v4), IpAddress::any(IpAddress::Family::v6)};
  }
  std::vector<HostSocket> sockets;
  std::uint16_t number = port.host_port;
  for (const IpAddress& address : addresses) {
    Bound bound = TRY(bind_one(address, number, port.protocol));
    if (bound.refused == Refused::in_use) return std::vector<HostSocket>{};
    if (bound.refused) continue;
    number = bound.port;
    sockets.push_back({.socket = std::move(bound.socket), .port = port, .family = address.family});
  }
  if (sockets.empty()) return explain(EAFNOSUPPORT, addresses.front(), port.host_port, port.protocol);
  port.host_port = number;
  for (HostSocket& socket : sockets) socket.port = port;
  return sockets;
}

// The number that a port had earlier. Empty: it cannot be had again.
std::vector<HostSocket> bind_again(PublishedPort& port, std::uint16_t number) {
  if (number == 0) return {};
  PublishedPort again = port;
  again.host_port = number;
  auto sockets = bind_port(again);
  if (!sockets || sockets->empty()) return {};
  port = again;
  return std::move(*sockets);
}

}  // namespace

Result<HostPorts> HostPorts::bind(std::vector<PublishedPort> ports,
                                  const std::vector<PublishedPort>& earlier) {
  HostPorts result;
  const std::vector<std::uint16_t> numbers = earlier_numbers(ports, earlier);
  result.m_ports = std::move(ports);
  // Those with a number first, so that none of them is taken for a free one.
  for (const bool any : {false, true}) {
    for (std::size_t index = 0; index < result.m_ports.size(); ++index) {
      PublishedPort& port = result.m_ports[index];
      if ((port.host_port == 0) != any) continue;
      std::vector<HostSocket> sockets = bind_again(port, numbers[index]);
      // A port that is free for one family may be taken for the other.
      for (unsigned tries = 0; sockets.empty() && tries < (any ? k_tries_for_a_free_port : 1); ++tries)
        sockets = TRY(bind_port(port));
      if (sockets.empty())
        return explain(EADDRINUSE, port.address.value_or(IpAddress{}), port.host_port, port.protocol);
      for (HostSocket& socket : sockets) result.m_sockets.push_back(std::move(socket));
    }
  }
  return result;
}

}  // namespace ecrin::run
