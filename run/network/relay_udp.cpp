#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "run/network/relay_flows.hpp"

namespace ecrin::run {
namespace {

constexpr std::size_t k_most_flows = 1024;  // of one port
constexpr auto k_idle = std::chrono::seconds(120);
constexpr unsigned k_datagrams_at_once = 64;
constexpr std::size_t k_largest_datagram = 65536;
constexpr std::size_t k_control_size = CMSG_SPACE(sizeof(in6_pktinfo));

struct Datagram {
  std::string bytes;
  SocketAddress client;
  std::optional<IpAddress> host;
};

std::optional<IpAddress> destination_of(msghdr& header) {
  for (cmsghdr* message = CMSG_FIRSTHDR(&header); message; message = CMSG_NXTHDR(&header, message)) {
    IpAddress address;
    if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(message), sizeof info);
      std::memcpy(address.bytes.data(), &info.ipi_addr, sizeof info.ipi_addr);
      return address;
    }
    if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(message), sizeof info);
      address.family = IpAddress::Family::v6;
      std::memcpy(address.bytes.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
      return address;
    }
  }
  return std::nullopt;
}

std::optional<Datagram> receive(const Fd& socket, std::string& buffer) {
  Datagram datagram;
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) std::array<char, k_control_size> control{};
  msghdr header{};
  header.msg_name = &datagram.client.storage;
  header.msg_namelen = sizeof datagram.client.storage;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket.get(), &header, 0);
  if (size < 0) return std::nullopt;
  datagram.client.size = header.msg_namelen;
  datagram.bytes.assign(buffer.data(), static_cast<std::size_t>(size));
  datagram.host = destination_of(header);
  return datagram;
}

template <class Info>
void put_info(msghdr& header, int level, int type, const Info& info) {
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = level;
  message->cmsg_type = type;
  message->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(message), &info, sizeof info);
  header.msg_controllen = CMSG_SPACE(sizeof info);
}

// From the address that the client wrote to: on a host with several, it would take no answer of another.
void send_from(const Fd& socket, std::string_view bytes, SocketAddress& client,
               const std::optional<IpAddress>& host) {
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, k_control_size> control{};
  msghdr header{};
  header.msg_name = client.get();
  header.msg_namelen = client.size;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (host) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    if (host->family == IpAddress::Family::v4) {
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, host->bytes.data(), sizeof info.ipi_spec_dst);
      put_info(header, IPPROTO_IP, IP_PKTINFO, info);
    } else {
      in6_pktinfo info{};
      std::memcpy(&info.ipi6_addr, host->bytes.data(), sizeof info.ipi6_addr);
      put_info(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }
  ::sendmsg(socket.get(), &header, MSG_NOSIGNAL);  // UDP may be lost
}

std::string key_of(const SocketAddress& client, const std::optional<IpAddress>& host) {
  std::string key(reinterpret_cast<const char*>(&client.storage), client.size);
  if (host) key.append(reinterpret_cast<const char*>(host->bytes.data()), host->bytes.size());
  return key;
}

}  // namespace

UdpPort::~UdpPort() {
  m_hub.count(-static_cast<std::ptrdiff_t>(m_flows.size()));
}

bool UdpPort::connect_next(Flow& flow) {
  while (!flow.candidates.empty()) {
    const SocketAddress address(flow.candidates.back(), m_socket.port.container_port);
    flow.candidates.pop_back();
    flow.socket = Fd(::socket(address.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (flow.socket && ::connect(flow.socket.get(), address.get(), address.size) == 0 &&
        m_hub.loop().watch(flow.socket, 0, EPOLLIN, flow))
      return true;
  }
  return false;
}

UdpPort::Flow* UdpPort::find_flow(const SocketAddress& client, const std::optional<IpAddress>& host) {
  std::unique_ptr<Flow>& place = m_flows[key_of(client, host)];
  if (place && !place->dead) return place.get();
  if (place) {
    m_dead.push_back(std::move(place));
  } else {
    m_hub.count(1);
  }
  place = std::make_unique<Flow>(*this);
  place->client = client;
  place->host = host;
  place->candidates = own_addresses(m_socket.family);
  std::ranges::reverse(place->candidates);
  place->dead = !connect_next(*place);
  return place.get();
}

void UdpPort::drop_oldest() {
  const auto oldest =
      std::ranges::min_element(m_flows, {}, [](const auto& entry) { return entry.second->used; });
  if (oldest == m_flows.end()) return;
  oldest->second->dead = true;
  m_dead.push_back(std::move(oldest->second));
  m_flows.erase(oldest);
  m_hub.count(-1);
}

void UdpPort::ready(std::uint32_t /*events*/) {
  std::string buffer(k_largest_datagram, '\0');
  for (unsigned count = 0; count < k_datagrams_at_once; ++count) {
    std::optional<Datagram> datagram = receive(m_socket.socket, buffer);
    if (!datagram) return;
    if ((m_flows.size() >= k_most_flows || m_hub.is_full()) &&
        !m_flows.contains(key_of(datagram->client, datagram->host)))
      drop_oldest();
    Flow* flow = find_flow(datagram->client, datagram->host);
    if (flow->dead) continue;
    flow->used = Clock::now();
    if (!flow->candidates.empty()) flow->question = datagram->bytes;
    ::send(flow->socket.get(), datagram->bytes.data(), datagram->bytes.size(), MSG_NOSIGNAL);
  }
}

void UdpPort::answer(Flow& flow, std::uint32_t /*events*/) {
  if (flow.dead) return;
  std::string buffer(k_largest_datagram, '\0');
  for (unsigned count = 0; count < k_datagrams_at_once; ++count) {
    const ssize_t size = ::recv(flow.socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) {
      // Nobody listens at this address; the server may have the other family only.
      if (errno == ECONNREFUSED && !flow.candidates.empty() && connect_next(flow))
        ::send(flow.socket.get(), flow.question.data(), flow.question.size(), MSG_NOSIGNAL);
      else if (errno == ECONNREFUSED)
        flow.dead = true;
      return;
    }
    flow.candidates.clear();
    flow.question.clear();
    flow.used = Clock::now();
    send_from(m_socket.socket, std::string_view(buffer).substr(0, static_cast<std::size_t>(size)),
              flow.client, flow.host);
  }
}

Result<> UdpPort::tend() {
  m_dead.clear();
  const Clock::time_point now = Clock::now();
  const std::size_t erased = std::erase_if(
      m_flows, [now](const auto& entry) { return entry.second->dead || now - entry.second->used > k_idle; });
  m_hub.count(-static_cast<std::ptrdiff_t>(erased));
  TRY(m_hub.loop().watch(m_socket.socket, m_watched, EPOLLIN, *this));
  m_watched = EPOLLIN;
  return {};
}

}  // namespace ecrin::run
