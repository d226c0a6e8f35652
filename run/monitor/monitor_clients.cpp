#include "run/monitor/monitor_clients.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

namespace ecrin::run {
namespace {

constexpr std::size_t k_most_clients = 128;
constexpr std::size_t k_congested = 256 * 1024;
constexpr std::size_t k_most_waiting = 4 * 1024 * 1024;

}  // namespace

Client& Clients::adopt(Fd socket) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags >= 0) (void)::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK);
  Client& client = m_clients.emplace_back();
  client.socket = std::move(socket);
  return client;
}

void Clients::accept_new() {
  for (;;) {
    Fd socket(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    if (m_clients.size() >= k_most_clients || !check_peer(socket)) continue;
    adopt(std::move(socket));
  }
}

void Clients::remove_gone() {
  m_clients.remove_if([](const Client& client) { return client.is_gone; });
}

void Clients::send(Client& client, PacketKind kind, std::string payload) {
  if (client.is_gone) return;
  client.waiting_bytes += payload.size() + 1;
  client.waiting.emplace_back(kind, std::move(payload));
  flush(client);
  if (client.waiting_bytes > k_most_waiting) client.is_gone = true;
}

void Clients::send_descriptor(Client& client, const Json& answer, const Fd& descriptor) {
  // Only to one who has nothing before it: it has asked and waits.
  if (auto sent = send_control(client.socket, PacketKind::answer, dump_json(answer), {&descriptor}); !sent)
    client.is_gone = true;
}

void Clients::answer(Client& client, const Json& json) {
  send(client, PacketKind::answer, dump_json(json));
}

void Clients::refuse(Client& client, const Error& error) {
  send(client, PacketKind::error, encode_failure(error));
}

void Clients::broadcast(PacketKind kind, std::string_view bytes) {
  for (Client& client : m_clients)
    if (client.attached && client.wants_output) send(client, kind, std::string(bytes));
}

void Clients::flush(Client& client) {
  while (!client.waiting.empty() && !client.is_gone) {
    const auto& [kind, payload] = client.waiting.front();
    if (auto sent = send_control(client.socket, kind, payload); !sent) {
      if (sent.error().code() != EAGAIN) client.is_gone = true;
      return;
    }
    client.waiting_bytes -= payload.size() + 1;
    client.waiting.pop_front();
  }
}

bool Clients::is_congested() const {
  return std::ranges::any_of(m_clients, [](const Client& client) {
    return client.attached && !client.is_gone && client.waiting_bytes > k_congested;
  });
}

}  // namespace ecrin::run
