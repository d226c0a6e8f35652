#include "tests/support/fake_http.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <stdexcept>

namespace ecrin::tests {

FakeHttp::FakeHttp() : m_socket(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  struct sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<struct sockaddr*>(&address);
  if (bind(m_socket.get(), generic, size) != 0 || listen(m_socket.get(), 16) != 0 ||
      getsockname(m_socket.get(), generic, &size) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  m_port = ntohs(address.sin_port);
  m_thread = std::thread([this] { serve(); });
}

FakeHttp::~FakeHttp() {
  m_stop = true;
  m_thread.join();
}

void FakeHttp::on(const std::string& path, Answer answer) {
  const std::lock_guard lock(m_mutex);
  m_answers[path] = std::move(answer);
}

void FakeHttp::on(const std::string& path, std::string answer) {
  on(path, [answer = std::move(answer)](const std::string&) { return answer; });
}

std::string FakeHttp::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(m_port) + path;
}

std::vector<std::string> FakeHttp::requests() {
  const std::lock_guard lock(m_mutex);
  return m_requests;
}

std::string FakeHttp::ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

std::string FakeHttp::redirect(const std::string& location, int status) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Elsewhere\r\nConnection: close\r\nContent-Length: 4\r\nLocation: " + location + "\r\n\r\nbody";
}

void FakeHttp::serve() {
  while (!m_stop) {
    struct pollfd waiting = {.fd = m_socket.get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 20) <= 0) continue;
    const Fd connection(accept4(m_socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) answer_one(connection);
  }
}

void FakeHttp::answer_one(const Fd& connection) {
  std::string request;
  char buffer[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = recv(connection.get(), buffer, sizeof(buffer), 0);
    if (count <= 0) return;
    request.append(buffer, static_cast<std::size_t>(count));
  }
  const std::size_t start = request.find(' ') + 1;
  const std::string path = request.substr(start, request.find(' ', start) - start);
  Answer answer;
  {
    const std::lock_guard lock(m_mutex);
    m_requests.push_back(request);
    if (const auto found = m_answers.find(path); found != m_answers.end()) answer = found->second;
  }
  std::string reply =
      answer ? answer(request)
             : "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 9\r\n\r\nnot found";
  std::size_t sent = 0;
  while (sent < reply.size()) {
    const ssize_t count = send(connection.get(), reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += static_cast<std::size_t>(count);
  }
}

}  // namespace ecrin::tests
