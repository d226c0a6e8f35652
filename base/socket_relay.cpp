#include "base/socket_relay.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "base/unix_socket.hpp"

namespace ecrin {
namespace {

constexpr std::size_t k_most_connections = 64;
constexpr std::size_t k_buffer_size = 16 * 1024;

}  // namespace

Result<std::unique_ptr<SocketRelay>> SocketRelay::start(const Fd& directory, const std::string& name,
                                                        std::string target) {
  Fd listener = TRY(listen_unix_socket(directory, name, SocketKind::stream));
  auto relay = std::unique_ptr<SocketRelay>(
      new SocketRelay(std::move(listener), TRY(Pipe::create()), std::move(target)));
  relay->m_thread = std::thread([pointer = relay.get()] { pointer->work(); });
  return relay;
}

SocketRelay::~SocketRelay() {
  m_stop.write.reset();
  if (m_thread.joinable()) m_thread.join();
}

void SocketRelay::accept_one() {
  Fd client(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client) return;
  auto server = connect_unix_socket(m_target);
  if (!server) {
    log::debug("{}", server.error().message());
    return;  // the client sees a closed connection
  }
  auto connection = std::make_unique<Connection>();
  connection->client = std::move(client);
  connection->server = std::move(*server);
  m_connections.push_back(std::move(connection));
}

/// One read or one write, where it does not block. False: the connection is broken.
bool SocketRelay::move(Way& way, short ready_from, short ready_to) {
  if (!way.buffer.empty()) {
    if ((ready_to & (POLLOUT | POLLERR | POLLHUP)) == 0) return true;
    const ssize_t size =
        ::send(way.to->get(), way.buffer.data(), way.buffer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size < 0) return errno == EINTR || errno == EAGAIN;
    way.buffer.erase(0, static_cast<std::size_t>(size));
    return true;
  }
  if (way.ended || (ready_from & (POLLIN | POLLERR | POLLHUP)) == 0) return true;
  std::array<char, k_buffer_size> bytes;
  const ssize_t size = ::recv(way.from->get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size < 0) return errno == EINTR || errno == EAGAIN;
  if (size == 0) {
    way.ended = true;
    ::shutdown(way.to->get(), SHUT_WR);
    return true;
  }
  way.buffer.assign(bytes.data(), static_cast<std::size_t>(size));
  return true;
}

void SocketRelay::work() {
  while (true) {
    const bool full = m_connections.size() >= k_most_connections;
    std::vector<pollfd> ready = {
        {.fd = m_stop.read.get(), .events = POLLIN, .revents = 0},
        {.fd = full ? -1 : m_listener.get(), .events = POLLIN, .revents = 0},
    };
    for (const auto& connection : m_connections) {
      const auto events = [](const Way& in, const Way& out) {
        const int reads = in.buffer.empty() && !in.ended ? POLLIN : 0;
        return static_cast<short>(reads | (out.buffer.empty() ? 0 : POLLOUT));
      };
      const short client = events(connection->there, connection->back);
      const short server = events(connection->back, connection->there);
      // A side that waits for nothing is left out: its hang-up would be told again and again.
      ready.push_back({.fd = client ? connection->client.get() : -1, .events = client, .revents = 0});
      ready.push_back({.fd = server ? connection->server.get() : -1, .events = server, .revents = 0});
    }
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (ready[0].revents != 0) return;
    for (std::size_t i = 0; i < m_connections.size(); ++i) {
      Connection& connection = *m_connections[i];
      const short client = ready[2 + 2 * i].revents;
      const short server = ready[3 + 2 * i].revents;
      const bool good = move(connection.there, client, server) && move(connection.back, server, client);
      const bool over = connection.there.ended && connection.back.ended && connection.there.buffer.empty() &&
                        connection.back.buffer.empty();
      if (!good || over) m_connections[i].reset();
    }
    std::erase(m_connections, nullptr);
    if (ready[1].revents != 0) accept_one();
  }
}

}  // namespace ecrin
