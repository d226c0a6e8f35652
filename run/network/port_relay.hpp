// PortRelay: what comes to published ports of the host goes on to the container, TCP and UDP, IPv4 and IPv6.
// One thread, which lives in the container's network namespace; the sockets of the host were bound before.
//
// The programs in the container see connections from the container's own address, never from its loopback:
// what trusts the loopback must not trust the outside.
#pragma once

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "run/network/host_ports.hpp"

namespace ecrin::run {

class PortRelay {
public:
  /// The caller must be root of the user namespace that owns the network namespace.
  static Result<std::unique_ptr<PortRelay>> start(std::vector<HostSocket> sockets,
                                                  const Fd& network_namespace);
  PortRelay(const PortRelay&) = delete;
  PortRelay& operator=(const PortRelay&) = delete;
  ~PortRelay();  // ends all connections

private:
  PortRelay(std::vector<HostSocket> sockets, Fd network_namespace, Pipe stop)
      : m_sockets(std::move(sockets)), m_namespace(std::move(network_namespace)), m_stop(std::move(stop)) {}
  void work(std::promise<Result<>> entered);
  std::vector<HostSocket> m_sockets;
  Fd m_namespace;
  Pipe m_stop;
  std::thread m_thread;
};

}  // namespace ecrin::run
