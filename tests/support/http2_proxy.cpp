#include "tests/support/http2_proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace ecrin::tests {

namespace {

constexpr int k_tries = 10;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// nginx cannot choose one by itself, and say which.
std::string free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  const bool found = probe >= 0 && ::bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (probe >= 0) ::close(probe);
  if (!found) throw std::runtime_error("there is no free port");
  return std::to_string(ntohs(address.sin_port));
}

bool answers(const std::string& port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(static_cast<std::uint16_t>(std::stoi(port)));
  const bool is_open = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return is_open;
}

std::string configuration(const std::string& port, const std::string& upstream,
                          const CertificateFiles& certificate) {
  return R"(daemon off;
master_process off;
pid pid;
error_log error.log;
events {}
http {
  log_format served '$server_protocol $connection $request_method $request_uri $status';
  access_log access.log served;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  server {
    listen 127.0.0.1:)" +
         port + R"( ssl http2;
    ssl_certificate )" +
         certificate.certificate + R"(;
    ssl_certificate_key )" +
         certificate.key + R"(;
    location / {
      proxy_pass http://)" +
         upstream + R"(;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto https;
    }
  }
}
)";
}

// Not in every user's PATH.
Invocation nginx(Arguments words) {
  words.insert(words.begin(), "nginx");
  Invocation invocation = host_command(std::move(words));
  for (auto& [name, value] : invocation.environment)
    if (name == "PATH") value += ":/usr/sbin";
  return invocation;
}

}  // namespace

bool Http2Proxy::installed() {
  const Outcome version = run(nginx({"-V"}));
  return version && version.err.find("http_v2_module") != std::string::npos;
}

Http2Proxy::Http2Proxy(std::string directory, const std::string& upstream,
                       const CertificateFiles& certificate)
    : m_directory(std::move(directory)) {
  // Somebody else may take the port in between.
  for (int i = 0; i < k_tries; ++i)
    if (start(upstream, certificate)) return;
  throw std::runtime_error("nginx does not start: " + m_program->wait().description);
}

bool Http2Proxy::start(const std::string& upstream, const CertificateFiles& certificate) {
  m_port = free_port();
  std::ofstream(m_directory + "/nginx.conf") << configuration(m_port, upstream, certificate);
  m_program = std::make_unique<Running>(
      nginx({"-p", m_directory, "-e", "error.log", "-c", m_directory + "/nginx.conf"}));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < deadline) {
    if (::kill(m_program->pid(), 0) == 0 && std::ifstream(m_directory + "/pid") && answers(m_port))
      return true;
    std::ifstream log(m_directory + "/error.log");
    for (std::string line; std::getline(log, line);)
      if (line.find("[emerg]") != std::string::npos) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::vector<Http2Proxy::Request> Http2Proxy::stop() {
  m_program->signal(SIGQUIT);
  if (const Outcome ended = m_program->wait(); !ended) throw std::runtime_error(ended.description);
  std::vector<Request> requests;
  std::ifstream log(m_directory + "/access.log");
  Request one;
  while (log >> one.protocol >> one.connection >> one.method >> one.target >> one.status)
    requests.push_back(one);
  return requests;
}

}  // namespace ecrin::tests
