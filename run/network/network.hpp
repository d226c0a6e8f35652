// Rootless networks: none (loopback only), the host's, or private (a network namespace with pasta, or
// slirp4netns where pasta is missing, translating to the host's sockets).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/child.hpp"
#include "base/fd.hpp"
#include "run/network/ip_address.hpp"

namespace ecrin::run {

enum class NetworkMode { none, host, private_network };

/// Where pasta takes questions for the host's nameservers, when those are on the host's loopback. Link-local,
/// so that no real network is hidden by it.
inline constexpr const char* k_helper_nameserver = "169.254.1.1";

struct PrivateNetworkOptions {
  std::string helper;       // "pasta" or "slirp4netns"; "" = the first that is there
  bool reach_host = false;  // the gateway's address stands for the host's loopback
};

/// A network namespace with its helper process. The helper dies with it.
class PrivateNetwork {
public:
  /// Fails with a hint when /dev/net/tun or both helpers are missing.
  static Result<PrivateNetwork> create(const std::string& search_path,
                                       const PrivateNetworkOptions& options = {});
  const Fd& network_namespace() const { return m_namespace; }
  /// With `reach_host`: the address at which programs inside find the host.
  const std::optional<IpAddress>& host_address() const { return m_host_address; }
  /// The nameserver that works inside; "" = the host's own resolv.conf is right.
  const std::string& nameserver() const { return m_nameserver; }

private:
  Fd m_namespace;
  std::string m_nameserver;
  std::optional<IpAddress> m_host_address;
  Child m_helper;
};

/// Says why private networks do not work here ("" = they do), with a hint, without starting one.
struct NetworkProbe {
  std::string helper;  // "pasta", "slirp4netns", ""
  std::string problem;
  std::string hint;
};
NetworkProbe probe_private_network(const std::string& search_path, const std::string& helper = "");

/// Private networks that the steps of one build take turns with: steps that run at the same time have
/// different ones; a step that follows reuses one. Thread-safe.
class NetworkPool {
public:
  explicit NetworkPool(std::string search_path) : m_search_path(std::move(search_path)) {}
  class Lease {
  public:
    Lease(Lease&& other) noexcept;
    ~Lease();  // gives it back
    const PrivateNetwork& network() const { return *m_network; }

  private:
    friend class NetworkPool;
    Lease(NetworkPool& pool, std::unique_ptr<PrivateNetwork> network);
    NetworkPool* m_pool;
    std::unique_ptr<PrivateNetwork> m_network;
  };
  Result<Lease> acquire();

private:
  std::string m_search_path;
  std::mutex m_mutex;
  std::vector<std::unique_ptr<PrivateNetwork>> m_free;
};

/// Text of /etc/resolv.conf for a container: the host's, with loopback servers replaced (private: by
/// `nameserver`).
std::string container_resolv_conf(const std::string& host_text, NetworkMode mode,
                                  const std::string& nameserver);
/// Text of /etc/hosts. `own_address` is that of the network, "" = it has none that lasts.
struct HostsLine {
  std::string address;
  std::string names;  // with spaces between them
};
std::string container_hosts(const std::string& hostname, const std::string& own_address = "",
                            const std::vector<HostsLine>& more = {});

}  // namespace ecrin::run
