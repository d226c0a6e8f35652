// IpAddress and port as the kernel's sockaddr.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "run/network/ip_address.hpp"

namespace ecrin::run {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  SocketAddress() = default;
  SocketAddress(const IpAddress& address, std::uint16_t port);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

int domain_of(IpAddress::Family family);
std::optional<IpAddress> address_of(const sockaddr* address);
std::uint16_t port_of(const sockaddr* address);

}  // namespace ecrin::run
