// What a port relay (port_relay.hpp) is made of: connections of TCP, and of UDP the senders that are to get
// answers. All belong to the relay's thread, which stands in the container's network namespace.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "run/network/event_loop.hpp"
#include "run/network/host_ports.hpp"
#include "run/network/socket_address.hpp"

namespace ecrin::run {

/// What all flows of a relay share.
class RelayHub {
public:
  RelayHub(EventLoop& loop, std::size_t most_descriptors)
      : m_loop(loop), m_most_descriptors(most_descriptors) {}
  EventLoop& loop() { return m_loop; }
  bool is_full() const { return m_descriptors >= m_most_descriptors; }
  void count(std::ptrdiff_t descriptors) { m_descriptors += static_cast<std::size_t>(descriptors); }

private:
  EventLoop& m_loop;
  std::size_t m_most_descriptors;
  std::size_t m_descriptors = 0;
};

/// Where a server of the container may listen, the addresses of the client's family first.
std::vector<IpAddress> own_addresses(IpAddress::Family first);

/// One of the two ends of a connection that goes through us. Its socket does not block.
struct RelayEnd {
  Fd socket;
  std::string pending;  // to be written to it
  bool read_ended = false;
  bool write_ended = false;
};
/// Moves as much as goes without waiting, and the end of the stream when it comes; after a while the others
/// have their turn. False: the connection is broken.
bool move_bytes(RelayEnd& from, RelayEnd& to);

class TcpConnection {
public:
  TcpConnection(RelayHub& hub, Fd client, const PublishedPort& port, IpAddress::Family family);
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;
  ~TcpConnection();
  /// Over, or broken: to be destroyed when all events of this round were told.
  bool is_dead() const { return m_dead; }

private:
  struct Side final : EventHandler, RelayEnd {
    explicit Side(TcpConnection& of) : connection(of) {}
    void ready(std::uint32_t events) override { connection.side_ready(events); }
    TcpConnection& connection;
    std::uint32_t watched = 0;
  };
  void side_ready(std::uint32_t events);
  void connect_next();
  void update();
  void reset();

  RelayHub& m_hub;
  std::uint16_t m_port;
  std::vector<IpAddress> m_candidates;  // that were not tried yet, the next one last
  bool m_connecting = false;
  bool m_dead = false;
  Side m_client{*this};
  Side m_server{*this};
};

class TcpPort final : public EventHandler {
public:
  TcpPort(RelayHub& hub, HostSocket socket) : m_hub(hub), m_socket(std::move(socket)) {}
  void ready(std::uint32_t events) override;
  /// After each round of events: buries the dead, and accepts only while there are descriptors.
  Result<> tend();

private:
  RelayHub& m_hub;
  HostSocket m_socket;
  std::uint32_t m_watched = 0;
  std::vector<std::unique_ptr<TcpConnection>> m_connections;
};

class UdpPort final : public EventHandler {
public:
  UdpPort(RelayHub& hub, HostSocket socket) : m_hub(hub), m_socket(std::move(socket)) {}
  ~UdpPort();
  void ready(std::uint32_t events) override;
  Result<> tend();

private:
  using Clock = std::chrono::steady_clock;
  struct Flow final : EventHandler {
    explicit Flow(UdpPort& of) : port(of) {}
    void ready(std::uint32_t events) override { port.answer(*this, events); }
    UdpPort& port;
    Fd socket;
    SocketAddress client;
    std::optional<IpAddress> host;      // the address that the client wrote to
    std::vector<IpAddress> candidates;  // not tried yet, the next one last
    std::string question;               // what may have to be sent again, until there was an answer
    Clock::time_point used;
    bool dead = false;
  };
  void answer(Flow& flow, std::uint32_t events);
  Flow* find_flow(const SocketAddress& client, const std::optional<IpAddress>& host);
  bool connect_next(Flow& flow);
  void drop_oldest();

  RelayHub& m_hub;
  HostSocket m_socket;
  std::uint32_t m_watched = 0;
  std::map<std::string, std::unique_ptr<Flow>> m_flows;  // by the client's address
  std::vector<std::unique_ptr<Flow>> m_dead;
};

}  // namespace ecrin::run
