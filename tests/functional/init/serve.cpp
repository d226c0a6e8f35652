#include "serve.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

bool make_address(const char* text, const char* port, Address& address) {
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  const in_port_t number = htons(static_cast<in_port_t>(std::atoi(port)));
  if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = number;
    address.size = sizeof v4;
    return true;
  }
  if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1) return false;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = number;
  address.size = sizeof v6;
  return true;
}

std::string name_of(Address& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.get()->sa_family == AF_INET)
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(address.storage).sin_addr, text, sizeof text);
  else
    inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(address.storage).sin6_addr, text, sizeof text);
  return text;
}

int complain(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  return 1;
}

// To the end of the stream, or what came in one packet.
std::string receive_all(int socket, bool is_tcp) {
  std::string text;
  char buffer[65536];
  ssize_t size = 0;
  while ((size = recv(socket, buffer, sizeof buffer, 0)) > 0) {
    text.append(buffer, static_cast<std::size_t>(size));
    if (!is_tcp) break;
  }
  return text;
}

void answer(int socket, bool is_tcp, const std::string& port) {
  Address client;
  if (is_tcp) {
    const int connection = accept(socket, client.get(), &client.size);
    if (connection < 0) return;
    const std::string text = "tcp " + port + " " + receive_all(connection, true) + " from " + name_of(client);
    (void)!write(connection, text.data(), text.size());
    close(connection);
    return;
  }
  char buffer[65536];
  const ssize_t size = recvfrom(socket, buffer, sizeof buffer, 0, client.get(), &client.size);
  if (size < 0) return;
  const std::string text =
      "udp " + port + " " + std::string(buffer, static_cast<std::size_t>(size)) + " from " + name_of(client);
  sendto(socket, text.data(), text.size(), 0, client.get(), client.size);
}

}  // namespace

int serve(const std::vector<std::string>& ports, bool only_ipv4) {
  struct Server {
    bool is_tcp;
    std::string port;
  };
  std::vector<pollfd> sockets;
  std::vector<Server> servers;
  for (const std::string& port : ports) {
    for (const char* any : {"0.0.0.0", "::"}) {
      if (only_ipv4 && *any == ':') continue;
      for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
        Address address;
        make_address(any, port.c_str(), address);
        const int number = socket(address.get()->sa_family, type | SOCK_CLOEXEC, 0);
        const int on = 1;
        if (*any == ':') setsockopt(number, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (number < 0 || bind(number, address.get(), address.size) != 0 ||
            (type == SOCK_STREAM && listen(number, 64) != 0))
          return complain("serve");
        sockets.push_back({.fd = number, .events = POLLIN, .revents = 0});
        servers.push_back({type == SOCK_STREAM, port});
      }
    }
  }
  std::puts("ready");
  std::fflush(stdout);
  while (poll(sockets.data(), sockets.size(), -1) > 0) {
    for (std::size_t index = 0; index < sockets.size(); ++index)
      if (sockets[index].revents) answer(sockets[index].fd, servers[index].is_tcp, servers[index].port);
  }
  return complain("poll");
}

int ask(const std::string& protocol, const std::string& address_text, const std::string& port,
        const std::string& text) {
  const bool is_tcp = protocol == "tcp";
  Address address;
  if (!make_address(address_text.c_str(), port.c_str(), address)) return complain("address");
  const int number = socket(address.get()->sa_family, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(number, address.get(), address.size) != 0) return complain("connect");
  if (send(number, text.data(), text.size(), MSG_NOSIGNAL) < 0) return complain("send");
  if (is_tcp) shutdown(number, SHUT_WR);
  const std::string reply = receive_all(number, is_tcp);
  if (reply.empty()) return complain("no answer");
  std::fwrite(reply.data(), 1, reply.size(), stdout);
  return 0;
}
