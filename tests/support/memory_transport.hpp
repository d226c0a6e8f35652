// MemoryTransport: an HttpTransport whose every server is one MemoryRegistry. Keeps what was sent, so that
// tests can look for credentials that went where they should not.
#pragma once

#include <mutex>
#include <vector>

#include "oci/registry/http.hpp"
#include "tests/support/memory_registry.hpp"

namespace ecrin::tests {

class MemoryTransport final : public oci::HttpTransport {
public:
  explicit MemoryTransport(MemoryRegistry& registry) : m_registry(registry) {}
  Result<oci::HttpResponse> send(const oci::HttpRequest& request, const CancelToken* cancel) override;

  struct Sent {
    std::string method;
    std::string url;
    std::string authorization;
    std::string body;  // of POST only
    oci::TlsSettings tls;
  };
  std::vector<Sent> sent() const;

private:
  MemoryRegistry& m_registry;
  mutable std::mutex m_mutex;
  std::vector<Sent> m_sent;
};

}  // namespace ecrin::tests
