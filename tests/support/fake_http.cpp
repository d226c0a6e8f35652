#include "tests/support/fake_http.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

namespace ecrin::tests {
namespace {

// Before our own code makes this library ready for digests only (base/hash), where it is linked in: here both
// use the same copy.
const bool g_is_ready = ::OPENSSL_init_ssl(0, nullptr) == 1;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

FakeRequest parse_head(const std::string& head) {
  FakeRequest request{.head = head, .method = head.substr(0, head.find(' ')), .target = ""};
  const std::size_t start = head.find(' ') + 1;
  request.target = head.substr(start, head.find(' ', start) - start);
  return request;
}

std::shared_ptr<void> make_context(const FakeTls& tls) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), tls.key.c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("cannot use the server's certificate");
  if (!tls.client_authority.empty()) {
    if (SSL_CTX_load_verify_locations(context.get(), tls.client_authority.c_str(), nullptr) != 1)
      throw std::runtime_error("cannot use the clients' CA");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

}  // namespace

std::string FakeRequest::header(std::string_view name) const {
  const std::string wanted = "\r\n" + lower(name) + ":";
  const std::size_t found = lower(head).find(wanted);
  if (found == std::string::npos) return "";
  const std::size_t start = head.find_first_not_of(' ', found + wanted.size());
  return head.substr(start, head.find("\r\n", start) - start);
}

class FakeHttp::Stream {
public:
  Stream(const Fd& socket, SSL_CTX* context) : m_socket(socket) {
    if (!context) return;
    m_ssl.reset(SSL_new(context), SSL_free);
    SSL_set_fd(m_ssl.get(), socket.get());
    m_ready = SSL_accept(m_ssl.get()) == 1;
  }
  bool ready() const { return m_ready; }
  const Fd& socket() const { return m_socket; }

  std::string read() {
    char buffer[16384];
    const auto count = m_ssl ? SSL_read(m_ssl.get(), buffer, sizeof(buffer))
                             : static_cast<int>(recv(m_socket.get(), buffer, sizeof(buffer), 0));
    return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : "";
  }
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto size = std::min<std::size_t>(bytes.size(), 1 << 20);
      const auto count = m_ssl ? SSL_write(m_ssl.get(), bytes.data(), static_cast<int>(size))
                               : static_cast<int>(send(m_socket.get(), bytes.data(), size, MSG_NOSIGNAL));
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

private:
  const Fd& m_socket;
  std::shared_ptr<SSL> m_ssl;
  bool m_ready = true;
};

std::string FakeHttp::Connection::read_some() {
  if (!m_rest.empty()) return std::exchange(m_rest, "");
  return m_stream.read();
}

std::string FakeHttp::Connection::read_body() {
  if (!m_unread) return "";
  m_unread = false;
  if (lower(request.header("Expect")) == "100-continue") write("HTTP/1.1 100 Continue\r\n\r\n");
  std::string body;
  std::string raw;
  const auto more = [&] {
    const std::string bytes = read_some();
    raw += bytes;
    return !bytes.empty();
  };
  if (lower(request.header("Transfer-Encoding")) == "chunked") {
    for (;;) {
      while (raw.find("\r\n") == std::string::npos)
        if (!more()) return body;
      const std::size_t size = std::stoul(raw, nullptr, 16);
      raw.erase(0, raw.find("\r\n") + 2);
      while (raw.size() < size + 2)
        if (!more()) return body;
      body += raw.substr(0, size);
      raw.erase(0, size + 2);
      if (size == 0) break;
    }
  } else {
    const std::size_t size = std::stoul(request.header("Content-Length"));
    while (raw.size() < size && more()) continue;
    body = raw.substr(0, size);
    raw.erase(0, body.size());
  }
  m_rest = raw + m_rest;
  return body;
}

bool FakeHttp::Connection::write(std::string_view bytes) {
  return m_stream.write(bytes);
}

bool FakeHttp::Connection::answer(int status, const std::vector<std::pair<std::string, std::string>>& headers,
                                  std::string_view body) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
  for (const auto& [name, value] : headers) head.append(name).append(": ").append(value).append("\r\n");
  if (status != 204 && status != 304) head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  head += "\r\n";
  if (request.method != "HEAD") head += body;
  return write(head);
}

bool FakeHttp::Connection::pause(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!m_server.m_stop && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return !m_server.m_stop;
}

bool FakeHttp::Connection::gone_within(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!m_server.m_stop && std::chrono::steady_clock::now() < end) {
    struct pollfd waiting = {.fd = m_stream.socket().get(), .events = POLLRDHUP, .revents = 0};
    if (poll(&waiting, 1, 10) > 0) return true;
  }
  return false;
}

FakeHttp::FakeHttp(const std::optional<FakeTls>& tls)
    : m_socket(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (tls) m_tls = make_context(*tls);
  struct sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<struct sockaddr*>(&address);
  if (bind(m_socket.get(), generic, size) != 0 || listen(m_socket.get(), 128) != 0 ||
      getsockname(m_socket.get(), generic, &size) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  m_port = ntohs(address.sin_port);
  m_thread = std::thread([this] { serve(); });
}

FakeHttp::~FakeHttp() {
  m_stop = true;
  m_thread.join();
}

void FakeHttp::script(const std::string& target, Script script) {
  const std::lock_guard lock(m_mutex);
  m_scripts[target] = std::move(script);
}

void FakeHttp::on(const std::string& target, Answer answer) {
  script(target, [answer = std::move(answer)](Connection& connection) {
    connection.write(answer(connection.request.head));
    connection.close();
  });
}

void FakeHttp::on(const std::string& target, std::string answer) {
  on(target, [answer = std::move(answer)](const std::string&) { return answer; });
}

std::string FakeHttp::url(const std::string& target) const {
  return (m_tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(m_port) + target;
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
  // OpenSSL writes to connections that the client has closed.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  while (!m_stop) {
    m_workers.remove_if([](Worker& worker) {
      if (!worker.done) return false;
      worker.thread.join();
      return true;
    });
    m_open = static_cast<int>(m_workers.size());
    struct pollfd waiting = {.fd = m_socket.get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 10) <= 0) continue;
    Fd connection(accept4(m_socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) continue;
    ++m_connections;
    Worker& worker = m_workers.emplace_back();
    m_open = static_cast<int>(m_workers.size());
    worker.socket = std::move(connection);
    worker.thread = std::thread([this, &worker] {
      talk(worker.socket);
      worker.done = true;
    });
  }
  for (Worker& worker : m_workers) {
    ::shutdown(worker.socket.get(), SHUT_RDWR);
    worker.thread.join();
  }
  m_workers.clear();
}

void FakeHttp::talk(const Fd& socket) {
  Stream stream(socket, static_cast<SSL_CTX*>(m_tls.get()));
  std::string rest;
  if (!stream.ready()) {  // closing with something unread would take the alert away from the client
    ::shutdown(socket.get(), SHUT_WR);
    char buffer[4096];
    while (recv(socket.get(), buffer, sizeof(buffer), 0) > 0) continue;
  }
  while (stream.ready() && !m_stop && answer_one(stream, rest)) continue;
  ::shutdown(socket.get(), SHUT_RDWR);
}

bool FakeHttp::answer_one(Stream& stream, std::string& rest) {
  while (rest.find("\r\n\r\n") == std::string::npos) {
    const std::string bytes = stream.read();
    if (bytes.empty()) return false;
    rest += bytes;
    if (rest[0] == 0x16) {  // a greeting of TLS: as other servers do
      stream.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      return false;
    }
  }
  const std::size_t end = rest.find("\r\n\r\n") + 4;
  FakeRequest request = parse_head(rest.substr(0, end));
  rest.erase(0, end);
  Script script;
  {
    const std::lock_guard lock(m_mutex);
    m_requests.push_back(request.head);
    auto found = m_scripts.find(request.target);
    if (found == m_scripts.end()) found = m_scripts.find("*");
    if (found != m_scripts.end()) script = found->second;
  }
  Connection connection(*this, stream, std::move(request), rest);
  const std::string length = connection.request.header("Content-Length");
  connection.m_unread =
      !connection.request.header("Transfer-Encoding").empty() || (!length.empty() && length != "0");
  if (script)
    script(connection);
  else
    connection.answer(404, {}, "not found");
  return !connection.closing();
}

}  // namespace ecrin::tests
