#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ranges>

#include "base/defer.hpp"
#include "run/network/relay_flows.hpp"

namespace ecrin::run {
namespace {

constexpr std::size_t k_buffer_size = 64 * 1024;
constexpr unsigned k_moves_at_once = 16;  // then the others have their turn
constexpr std::ptrdiff_t k_descriptors_of_a_connection = 2;

}  // namespace

std::vector<IpAddress> own_addresses(IpAddress::Family first) {
  std::vector<IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) == 0) {
    const Defer free_list([list] { ::freeifaddrs(list); });
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
      if (!entry->ifa_addr || (entry->ifa_flags & IFF_LOOPBACK) || !(entry->ifa_flags & IFF_UP)) continue;
      const auto address = address_of(entry->ifa_addr);
      if (!address || address->is_link_local()) continue;
      const auto same = [&address](const IpAddress& other) { return other.family == address->family; };
      if (std::ranges::none_of(addresses, same)) addresses.push_back(*address);
    }
  }
  std::ranges::stable_partition(addresses,
                                [first](const IpAddress& address) { return address.family == first; });
  return addresses;
}

bool move_bytes(RelayEnd& from, RelayEnd& to) {
  std::array<char, k_buffer_size> bytes;
  for (unsigned count = 0; count < k_moves_at_once; ++count) {
    if (!to.pending.empty()) {
      const ssize_t size = ::send(to.socket.get(), to.pending.data(), to.pending.size(), MSG_NOSIGNAL);
      if (size < 0) return errno == EAGAIN || errno == EINTR;
      to.pending.erase(0, static_cast<std::size_t>(size));
      continue;
    }
    if (from.read_ended) return true;
    const ssize_t size = ::recv(from.socket.get(), bytes.data(), bytes.size(), 0);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) {
      // Nothing is pending, and there may be no other call: nobody waits for `from` any more.
      from.read_ended = to.write_ended = true;
      ::shutdown(to.socket.get(), SHUT_WR);
      return true;
    }
    const auto received = static_cast<std::size_t>(size);
    const ssize_t sent = ::send(to.socket.get(), bytes.data(), received, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    const std::size_t done = sent < 0 ? 0 : static_cast<std::size_t>(sent);
    if (done < received) to.pending.assign(bytes.data() + done, received - done);
  }
  return true;
}

TcpConnection::TcpConnection(RelayHub& hub, Fd client, const PublishedPort& port, IpAddress::Family family)
    : m_hub(hub), m_port(port.container_port), m_candidates(own_addresses(family)) {
  m_hub.count(k_descriptors_of_a_connection);
  m_client.socket = std::move(client);
  std::ranges::reverse(m_candidates);
  connect_next();
  update();
}

TcpConnection::~TcpConnection() {
  m_hub.count(-k_descriptors_of_a_connection);
}

void TcpConnection::connect_next() {
  while (!m_candidates.empty()) {
    const SocketAddress address(m_candidates.back(), m_port);
    m_candidates.pop_back();
    m_server.watched = 0;
    m_server.socket = Fd(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!m_server.socket) continue;
    m_connecting = ::connect(m_server.socket.get(), address.get(), address.size) != 0;
    if (!m_connecting || errno == EINPROGRESS) {
      const int on = 1;
      for (const Side* side : {&m_client, &m_server})
        ::setsockopt(side->socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return;
    }
  }
  reset();
}

// The client shall see that nobody is there, not an empty answer.
void TcpConnection::reset() {
  m_dead = true;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  for (Side* side : {&m_client, &m_server}) {
    if (!side->socket) continue;
    ::setsockopt(side->socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    side->socket.reset();
  }
}

void TcpConnection::side_ready(std::uint32_t events) {
  if (m_dead) return;
  if (m_connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(m_server.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
      connect_next();
    } else {
      m_connecting = false;
    }
  } else if (!move_bytes(m_client, m_server) || !move_bytes(m_server, m_client) || (events & EPOLLERR)) {
    reset();
  }
  if (!m_dead) update();
}

void TcpConnection::update() {
  if (m_dead) return;
  if (m_client.write_ended && m_server.write_ended) {
    m_dead = true;
    m_client.socket.reset();
    m_server.socket.reset();
    return;
  }
  const auto wanted = [this](const Side& side, const Side& other) -> std::uint32_t {
    std::uint32_t events = 0;
    if (m_connecting) return &side == &m_server ? events | EPOLLOUT : events;
    if (!side.read_ended && other.pending.empty()) events |= EPOLLIN;
    if (!side.pending.empty()) events |= EPOLLOUT;
    return events;
  };
  for (Side* side : {&m_client, &m_server}) {
    const std::uint32_t events = wanted(*side, side == &m_client ? m_server : m_client);
    if (!m_hub.loop().watch(side->socket, side->watched, events, *side)) return reset();
    side->watched = events;
  }
}

void TcpPort::ready(std::uint32_t /*events*/) {
  while (!m_hub.is_full()) {
    Fd client(::accept4(m_socket.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    m_connections.push_back(
        std::make_unique<TcpConnection>(m_hub, std::move(client), m_socket.port, m_socket.family));
  }
}

Result<> TcpPort::tend() {
  std::erase_if(m_connections, [](const auto& connection) { return connection->is_dead(); });
  const std::uint32_t events = m_hub.is_full() ? 0u : static_cast<std::uint32_t>(EPOLLIN);
  TRY(m_hub.loop().watch(m_socket.socket, m_watched, events, *this));
  m_watched = events;
  return {};
}

}  // namespace ecrin::run
