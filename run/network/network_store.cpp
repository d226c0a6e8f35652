#include "run/network/network_store.hpp"

#include <ifaddrs.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/atomic_file.hpp"
#include "base/defer.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "run/network/socket_address.hpp"

namespace ecrin::run {
namespace {

constexpr std::string_view k_suffix = ".json";
constexpr std::size_t k_largest_config = 1u << 20;
constexpr const char* k_lock_name = "networks.lock";

NetworkConfig default_network() {
  const Subnet subnet = *Subnet::parse("10.88.0.0/16");
  return {.name = std::string(k_default_network),
          .id = std::string(64, '0'),
          .interface_name = "ecrin0",
          .subnets = {{.subnet = subnet, .gateway = subnet.at(1)}}};
}

unsigned prefix_of(const IpAddress& mask) {
  unsigned bits = 0;
  for (const std::uint8_t byte : mask.bytes) bits += static_cast<unsigned>(std::popcount(byte));
  return bits;
}

// What the host reaches by itself: a network of ours with the same addresses would hide it.
std::vector<Subnet> subnets_of_host() {
  std::vector<Subnet> subnets;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return subnets;
  const Defer free_list([list] { ::freeifaddrs(list); });
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr || !entry->ifa_netmask) continue;
    const auto address = address_of(entry->ifa_addr);
    const auto mask = address_of(entry->ifa_netmask);
    if (!address || !mask) continue;
    if (const auto subnet = Subnet::parse(fmt::format("{}/{}", address->to_string(), prefix_of(*mask))))
      subnets.push_back(*subnet);
  }
  return subnets;
}

std::string free_interface(const std::vector<NetworkConfig>& others) {
  for (unsigned number = 1;; ++number) {
    std::string name = fmt::format("ecrin{}", number);
    if (std::ranges::none_of(others, [&name](const auto& other) { return other.interface_name == name; }))
      return name;
  }
}

// A subnet of the addresses that everybody may take at random (RFC 4193).
Result<Subnet> random_ipv6_subnet() {
  const std::string digits = random_hexadecimal(14);
  return Subnet::parse(fmt::format("fd{}:{}:{}:{}::/64", digits.substr(0, 2), digits.substr(2, 4),
                                   digits.substr(6, 4), digits.substr(10, 4)));
}

}  // namespace

std::optional<Subnet> free_subnet(const std::vector<Subnet>& taken) {
  for (unsigned second = 89; second < 256; ++second) {
    for (unsigned third = 0; third < 256; ++third) {
      const Subnet subnet = *Subnet::parse(fmt::format("10.{}.{}.0/24", second, third));
      if (std::ranges::none_of(taken, [&subnet](const Subnet& other) { return subnet.overlaps(other); }))
        return subnet;
    }
  }
  return std::nullopt;
}

Result<NetworkStore> NetworkStore::open(const std::string& root) {
  const std::string path = root + "/networks";
  TRY(posix::make_directories(path, 0700));
  return NetworkStore(TRY(posix::open(path, O_RDONLY | O_DIRECTORY)));
}

Result<NetworkConfig> NetworkStore::read(const std::string& name) const {
  if (name == k_default_network) return default_network();
  auto file = posix::open_at(m_directory, name + std::string(k_suffix), O_RDONLY | O_NOFOLLOW);
  if (!file) {
    if (file.error().kind() != ErrorKind::not_found) return std::unexpected(std::move(file).error());
    return std::unexpected(
        Error(ErrorKind::not_found, fmt::format("there is no network '{}'", printable(name, 200)))
            .hint("'ecrin network ls' lists them, 'ecrin network create' makes one"));
  }
  NetworkConfig config = TRY(parse_network_config(TRY(posix::read_fd(*file, k_largest_config)),
                                                  fmt::format("the network '{}'", printable(name, 200))));
  if (config.name != name)
    return fail(ErrorKind::invalid, "the file of the network '{}' is that of '{}'", printable(name, 200),
                config.name);
  return config;
}

Result<std::vector<NetworkConfig>> NetworkStore::list() const {
  std::vector<NetworkConfig> networks = {default_network()};
  // The descriptor that is kept has a position of its own, which others may be reading at.
  const Fd directory = TRY(posix::open_at(m_directory, ".", O_RDONLY | O_DIRECTORY));
  for (const posix::DirectoryEntry& entry : TRY(posix::list_directory(directory))) {
    if (!entry.name.ends_with(k_suffix)) continue;
    const std::string name = entry.name.substr(0, entry.name.size() - k_suffix.size());
    if (!check_network_name(name) || name == k_default_network) continue;
    auto config = read(name);
    if (config) {
      networks.push_back(std::move(*config));
    } else if (config.error().kind() != ErrorKind::not_found) {  // else it was removed meanwhile
      log::warning("a network is left out: {}", config.error().message());
    }
  }
  std::ranges::sort(networks, {}, &NetworkConfig::name);
  return networks;
}

Result<NetworkConfig> NetworkStore::find(const std::string& name) const {
  auto config = check_network_name(name)
                    ? read(name)
                    : fail(ErrorKind::not_found, "there is no network '{}'", printable(name, 200));
  if (config || config.error().kind() != ErrorKind::not_found || name.empty()) return config;
  std::vector<NetworkConfig> found = TRY(list());
  std::erase_if(found, [&name](const NetworkConfig& other) { return !other.id.starts_with(name); });
  if (found.size() > 1)
    return fail(ErrorKind::invalid, "the IDs of {} networks begin with '{}'", found.size(),
                printable(name, 200));
  if (found.size() == 1) return std::move(found.front());
  return config;
}

Result<UsedNetwork> NetworkStore::use(const std::string& name) const {
  UsedNetwork used{.config = TRY(find(name)), .lock = {}};
  if (used.config.name == k_default_network) return used;
  const std::string file_name = used.config.name + std::string(k_suffix);
  Fd file = TRY(posix::open_at(m_directory, file_name, O_RDONLY | O_NOFOLLOW));
  const struct stat opened = TRY(posix::stat_fd(file));
  used.lock = TRY(FileLock::acquire(std::move(file), FileLock::Mode::shared));
  const auto there = posix::lstat_at(m_directory, file_name);
  if (!there || there->st_ino != opened.st_ino)
    return fail(ErrorKind::not_found, "the network '{}' was removed", used.config.name);
  return used;
}

Result<NetworkConfig> NetworkStore::create(NetworkConfig config, std::int64_t now) const {
  TRY(check_network_name(config.name));
  const FileLock lock = TRY(FileLock::acquire_named(m_directory, k_lock_name, 0600, nullptr));
  const std::vector<NetworkConfig> others = TRY(list());
  std::vector<Subnet> taken;
  for (const NetworkConfig& other : others) {
    if (other.name == config.name)
      return fail(ErrorKind::conflict, "there is a network '{}' already", config.name);
    if (other.interface_name == config.interface_name)
      return fail(ErrorKind::conflict, "the interface '{}' is that of the network '{}'", other.interface_name,
                  other.name);
    for (const NetworkSubnet& subnet : other.subnets) taken.push_back(subnet.subnet);
  }
  for (const NetworkSubnet& subnet : config.subnets) {
    for (const Subnet& other : taken) {
      if (subnet.subnet.overlaps(other))
        return fail(ErrorKind::conflict, "the subnet {} overlaps with {} of another network",
                    subnet.subnet.to_string(), other.to_string());
    }
  }
  const auto has = [&config](IpAddress::Family family) {
    return std::ranges::any_of(config.subnets,
                               [family](const auto& one) { return one.subnet.base.family == family; });
  };
  if (config.subnets.empty()) {
    const std::vector<Subnet> of_host = subnets_of_host();
    taken.insert(taken.end(), of_host.begin(), of_host.end());
    const auto subnet = free_subnet(taken);
    if (!subnet) return fail(ErrorKind::limit, "there is no subnet left for a network");
    config.subnets.push_back({.subnet = *subnet});
  }
  if (config.ipv6 && !has(IpAddress::Family::v6))
    config.subnets.push_back({.subnet = TRY(random_ipv6_subnet())});
  config.ipv6 = has(IpAddress::Family::v6);
  for (NetworkSubnet& subnet : config.subnets)
    if (!subnet.gateway) subnet.gateway = subnet.subnet.at(1);
  if (config.interface_name.empty()) config.interface_name = free_interface(others);
  config.id = random_hexadecimal(64);
  config.created = format_time(now);
  TRY(check_network_config(config));
  AtomicFile file = TRY(AtomicFile::create(m_directory, config.name + std::string(k_suffix), 0600));
  TRY(posix::write_full(file.file(), std::string_view(format_network_config(config))));
  TRY(file.commit(AtomicFile::Sync::yes));
  return config;
}

Result<> NetworkStore::remove(const std::string& name) const {
  const NetworkConfig config = TRY(find(name));
  if (config.name == k_default_network)
    return fail(ErrorKind::invalid, "the network '{}' is always there", config.name);
  const std::string file_name = config.name + std::string(k_suffix);
  const auto lock = TRY(FileLock::acquire_existing_now(m_directory, file_name));
  if (!lock) {
    return std::unexpected(Error(ErrorKind::conflict, fmt::format("the network '{}' is in use", config.name))
                               .hint("stop the containers that are on it first"));
  }
  return posix::unlink_at(m_directory, file_name);
}

}  // namespace ecrin::run
