// RegistryServer: a MemoryRegistry behind HTTP/1.1 on 127.0.0.1, at a port of its own. A second port is the
// other host that blobs may be redirected to. One thread a connection; connections are kept.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "tests/support/memory_registry.hpp"

namespace ecrin::tests {

class RegistryServer {
public:
  explicit RegistryServer(MemoryRegistry& registry);
  RegistryServer(const RegistryServer&) = delete;
  RegistryServer& operator=(const RegistryServer&) = delete;
  ~RegistryServer();

  int port() const { return m_port; }
  std::string host() const { return "127.0.0.1:" + std::to_string(m_port); }
  std::string url() const { return "http://" + host(); }
  /// The other host's, for MemoryRegistryOptions::blob_host.
  std::string blob_url() const { return "http://127.0.0.1:" + std::to_string(m_blob_port); }

private:
  void accept_loop();
  void serve(Fd connection);
  bool serve_one(const Fd& connection, std::string& input);

  MemoryRegistry& m_registry;
  int m_port = 0;  // set when the sockets are made
  int m_blob_port = 0;
  Fd m_socket;
  Fd m_blob_socket;
  std::atomic<bool> m_stop = false;
  std::vector<std::thread> m_connections;
  std::thread m_accepting;
};

}  // namespace ecrin::tests
