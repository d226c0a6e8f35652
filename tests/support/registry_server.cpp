#include "tests/support/registry_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>

#include "base/text.hpp"

namespace ecrin::tests {

namespace {

constexpr std::size_t k_head_limit = 1u << 20;
constexpr std::uint64_t k_body_limit = 4ull << 30;
constexpr std::size_t k_drip_bytes = 4096;
constexpr std::chrono::milliseconds k_drip_pause{2};

Fd listen_somewhere(int& port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!fd || bind(fd.get(), generic, size) != 0 || listen(fd.get(), 128) != 0 ||
      getsockname(fd.get(), generic, &size) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  port = ntohs(address.sin_port);
  return fd;
}

/// Waits for bytes in small steps, so that a stop is seen.
bool receive(const Fd& connection, std::string& input, const std::atomic<bool>& stop) {
  pollfd waiting = {.fd = connection.get(), .events = POLLIN, .revents = 0};
  while (poll(&waiting, 1, 20) == 0)
    if (stop) return false;
  std::array<char, 64 * 1024> block;
  const ssize_t count = recv(connection.get(), block.data(), block.size(), 0);
  if (count <= 0) return false;
  input.append(block.data(), static_cast<std::size_t>(count));
  return true;
}

bool send_all(const Fd& connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::optional<RegistryRequest> parse_head(const std::string& head) {
  const std::vector<std::string> lines = split(head, '\n');
  const std::vector<std::string> words = split(trim(lines.front()), ' ');
  if (words.size() != 3) return std::nullopt;
  RegistryRequest request{.method = words[0], .target = words[1]};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t colon = lines[i].find(':');
    if (colon == std::string::npos) continue;
    request.headers.emplace_back(lines[i].substr(0, colon),
                                 trim(std::string_view(lines[i]).substr(colon + 1)));
  }
  return request;
}

std::string reason(int status) {
  return status < 300 ? "Fine" : status < 400 ? "Elsewhere" : "Refused";
}

}  // namespace

RegistryServer::RegistryServer(MemoryRegistry& registry)
    : m_registry(registry), m_socket(listen_somewhere(m_port)), m_blob_socket(listen_somewhere(m_blob_port)) {
  m_accepting = std::thread([this] { accept_loop(); });
}

RegistryServer::~RegistryServer() {
  m_stop = true;
  m_accepting.join();
  for (std::thread& thread : m_connections) thread.join();
}

void RegistryServer::accept_loop() {
  while (!m_stop) {
    std::array<pollfd, 2> waiting = {{{.fd = m_socket.get(), .events = POLLIN, .revents = 0},
                                      {.fd = m_blob_socket.get(), .events = POLLIN, .revents = 0}}};
    if (poll(waiting.data(), waiting.size(), 20) <= 0) continue;
    for (const pollfd& one : waiting) {
      if (!(one.revents & POLLIN)) continue;
      Fd connection(accept4(one.fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) continue;
      const int no_delay = 1;
      setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
      m_connections.emplace_back(
          [this, moved = std::make_shared<Fd>(std::move(connection))] { serve(std::move(*moved)); });
    }
  }
}

void RegistryServer::serve(Fd connection) {
  std::string input;
  while (!m_stop && serve_one(connection, input)) {
  }
}

namespace {

/// The request's body, out of `input` and what still comes; false: the connection ended.
bool read_body(const Fd& connection, std::string& input, RegistryRequest& request,
               const std::atomic<bool>& stop) {
  if (to_lower(find_header(request.headers, "Expect")) == "100-continue" &&
      !send_all(connection, "HTTP/1.1 100 Continue\r\n\r\n"))
    return false;
  const auto need = [&](std::uint64_t size) {
    while (input.size() < size)
      if (size > k_body_limit || !receive(connection, input, stop)) return false;
    return true;
  };
  if (to_lower(find_header(request.headers, "Transfer-Encoding")) != "chunked") {
    const auto length = parse_unsigned(find_header(request.headers, "Content-Length"));
    if (!length) return true;
    const bool whole = need(*length);
    request.body = input.substr(0, *length);
    input.erase(0, *length);
    return whole;
  }
  for (;;) {
    while (input.find("\r\n") == std::string::npos)
      if (!receive(connection, input, stop)) return false;
    const std::size_t size = std::stoul(input.substr(0, input.find("\r\n")), nullptr, 16);
    input.erase(0, input.find("\r\n") + 2);
    if (!need(size + 2)) return false;
    request.body.append(input, 0, size);
    input.erase(0, size + 2);
    if (size == 0) return true;
  }
}

/// false: the connection is to be closed.
bool send_answer(const Fd& connection, const RegistryAnswer& answer, const std::atomic<bool>& stop) {
  if (answer.lost) return false;
  const bool empty = answer.status == 204 || answer.status == 304;
  const bool unframed = answer.without_length && !empty;  // its end is the connection's
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " " + reason(answer.status) + "\r\n";
  for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
  if (unframed)
    head += "Connection: close\r\n";
  else if (!empty)
    head += "Content-Length: " + std::to_string(answer.length.value_or(answer.body.size())) + "\r\n";
  if (!send_all(connection, head + "\r\n")) return false;
  const std::string_view body =
      std::string_view(answer.body).substr(0, answer.cut_after.value_or(UINT64_MAX));
  do {
    for (std::size_t at = 0; answer.drip && at < body.size(); at += k_drip_bytes) {
      if (stop || !send_all(connection, body.substr(at, k_drip_bytes))) return false;
      std::this_thread::sleep_for(k_drip_pause);
    }
    if (!answer.drip && !send_all(connection, body)) return false;
  } while (answer.endless && !stop);
  return !unframed && !answer.cut_after;
}

}  // namespace

bool RegistryServer::serve_one(const Fd& connection, std::string& input) {
  while (input.find("\r\n\r\n") == std::string::npos) {
    if (input.size() > k_head_limit || !receive(connection, input, m_stop)) return false;
    constexpr char k_tls_handshake = 0x16;  // who speaks TLS to us would wait for an answer
    if (input.front() == k_tls_handshake) return false;
  }
  const std::size_t end = input.find("\r\n\r\n");
  std::optional<RegistryRequest> request = parse_head(input.substr(0, end));
  input.erase(0, end + 4);
  if (!request || !read_body(connection, input, *request, m_stop)) return false;
  return send_answer(connection, m_registry.answer(*request), m_stop);
}

}  // namespace ecrin::tests
