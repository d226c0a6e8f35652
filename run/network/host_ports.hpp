// The host's side of published ports: sockets that are bound before anything is started, so that a port
// which is taken is refused at once and nobody can take it later.
#pragma once

#include <vector>

#include "base/fd.hpp"
#include "run/network/published_port.hpp"

namespace ecrin::run {

struct HostSocket {
  Fd socket;  // does not block; TCP: listening
  PublishedPort port;
  IpAddress::Family family = IpAddress::Family::v4;
};

class HostPorts {
public:
  /// In the calling thread's network namespace. Ports that are 0 become free ones: the numbers that they had
  /// in `earlier`, when those are free.
  static Result<HostPorts> bind(std::vector<PublishedPort> ports,
                                const std::vector<PublishedPort>& earlier = {});
  /// With the numbers that were chosen.
  const std::vector<PublishedPort>& ports() const { return m_ports; }
  std::vector<HostSocket> take_sockets() { return std::move(m_sockets); }

private:
  std::vector<PublishedPort> m_ports;
  std::vector<HostSocket> m_sockets;
};

}  // namespace ecrin::run
