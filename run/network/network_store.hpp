// The named networks of a store: <root>/networks/NAME.json. A container that is on a network holds a shared
// lock on its file, so a network that is used cannot be removed, and the lock dies with who holds it.
#pragma once

#include <string>
#include <vector>

#include "base/file_lock.hpp"
#include "run/network/network_config.hpp"

namespace ecrin::run {

/// The network that is always there. It has no file.
inline constexpr std::string_view k_default_network = "bridge";

/// A network that is used, and cannot be removed meanwhile.
struct UsedNetwork {
  NetworkConfig config;
  FileLock lock;  // empty: that of the default network
};

class NetworkStore {
public:
  /// Makes the directory when it is missing.
  static Result<NetworkStore> open(const std::string& root);
  const Fd& directory() const { return m_directory; }

  Result<std::vector<NetworkConfig>> list() const;  // by name
  /// By name, or by the beginning of its ID that no other has.
  Result<NetworkConfig> find(const std::string& name) const;
  Result<UsedNetwork> use(const std::string& name) const;
  /// Adds what is missing: ID, interface, time, subnets that nobody has (IPv4; with `ipv6` IPv6 too),
  /// gateways.
  Result<NetworkConfig> create(NetworkConfig config, std::int64_t now) const;
  /// Refused with ErrorKind::conflict while a container uses it.
  Result<> remove(const std::string& name) const;

private:
  explicit NetworkStore(Fd directory) : m_directory(std::move(directory)) {}
  Result<NetworkConfig> read(const std::string& name) const;
  Fd m_directory;
};

/// The first of 10.89.0.0/24 ... that overlaps with none of these.
std::optional<Subnet> free_subnet(const std::vector<Subnet>& taken);

}  // namespace ecrin::run
