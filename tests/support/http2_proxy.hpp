// Http2Proxy: nginx with TLS and HTTP/2 in front of a server that speaks plain HTTP, on 127.0.0.1 at a port
// of its own, with its files in a temporary directory. It keeps a log of what was asked by which protocol on
// which connection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/certificates.hpp"
#include "tests/support/process.hpp"

namespace ecrin::tests {

class Http2Proxy {
public:
  /// Is nginx there, with what this needs?
  static bool installed();
  /// `directory` must be empty; `upstream` is "127.0.0.1:PORT". Throws when nginx does not start.
  Http2Proxy(std::string directory, const std::string& upstream, const CertificateFiles& certificate);

  std::string host() const { return "127.0.0.1:" + m_port; }

  struct Request {
    std::string protocol;    // "HTTP/2.0"
    std::string connection;  // its number
    std::string method;
    std::string target;
    int status = 0;
  };
  /// Ends nginx, which writes down what it has served, and reads its log.
  std::vector<Request> stop();

private:
  bool start(const std::string& upstream, const CertificateFiles& certificate);
  std::string m_directory;
  std::string m_port;
  std::unique_ptr<Running> m_program;
};

}  // namespace ecrin::tests
