#include "run/network/network_files.hpp"

#include <charconv>
#include <optional>

#include "base/text.hpp"
#include "run/network/network.hpp"

namespace ecrin::run {
namespace {

// The address of a "nameserver" line.
std::optional<std::string_view> nameserver_of(std::string_view line) {
  line = trim(line);
  constexpr std::string_view keyword = "nameserver";
  if (!line.starts_with(keyword)) return std::nullopt;
  line.remove_prefix(keyword.size());
  if (line.empty() || (line.front() != ' ' && line.front() != '\t')) return std::nullopt;
  line = trim(line);
  return line.substr(0, line.find_first_of(" \t#;"));
}

bool is_loopback(std::string_view address) {
  // A scope ("fe80::1%eth0") names an interface of the host, which the container does not have.
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.") ||
         address == "0.0.0.0" || address == "::" || address.contains('%');
}

}  // namespace

bool has_reachable_nameserver(std::string_view resolv_conf) {
  for (const std::string& line : split(resolv_conf, '\n'))
    if (const auto address = nameserver_of(line); address && !is_loopback(*address)) return true;
  return false;
}

std::string container_resolv_conf(const std::string& host_text, NetworkMode mode,
                                  const std::string& nameserver) {
  if (mode == NetworkMode::host) return host_text;
  std::string text;
  std::size_t nameservers = 0;
  for (const std::string& line : split(host_text, '\n')) {
    const auto address = nameserver_of(line);
    if (address) {
      // Nothing answers there: with none there is no network, and the host's loopback is another machine's.
      if (mode == NetworkMode::none || is_loopback(*address)) continue;
      if (++nameservers > k_most_nameservers) continue;
    }
    if (!trim(line).empty()) text += line + "\n";
  }
  if (mode == NetworkMode::private_network && nameservers == 0 && !nameserver.empty())
    text += "nameserver " + nameserver + "\n";
  return text;
}

std::string container_hosts(const std::string& hostname, const std::string& own_address,
                            const std::vector<HostsLine>& more) {
  std::string text =
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n";
  for (const HostsLine& line : more) text += line.address + "\t" + line.names + "\n";
  if (!hostname.empty() && hostname != "localhost")
    text += (own_address.empty() ? "127.0.1.1" : own_address) + "\t" + hostname + "\n";
  return text;
}

std::string with_resolver_settings(const std::string& resolv_conf, const ResolverSettings& settings) {
  std::string text;
  for (const std::string& line : split(resolv_conf, '\n')) {
    const std::string_view word = trim(line).substr(0, trim(line).find_first_of(" \t"));
    const bool replaced = (word == "nameserver" && !settings.servers.empty()) ||
                          ((word == "search" || word == "domain") && !settings.search.empty()) ||
                          (word == "options" && !settings.options.empty());
    if (!replaced && !line.empty()) text += line + "\n";
  }
  // "." is how one says that there are no domains.
  if (!settings.search.empty() && settings.search != std::vector<std::string>{"."})
    text += "search " + join(settings.search, " ") + "\n";
  for (const std::string& server : settings.servers) text += "nameserver " + server + "\n";
  if (!settings.options.empty()) text += "options " + join(settings.options, " ") + "\n";
  return text;
}

std::optional<IpAddress> default_gateway(std::string_view route_table) {
  for (const std::string& line : split(route_table, '\n')) {
    const std::vector<std::string> columns = split(line, '\t');
    if (columns.size() < 3 || columns[1] != "00000000" || columns[2].size() != 8) continue;
    IpAddress address;
    // Eight hexadecimal digits of the number as the machine has it: the first byte stands last.
    for (std::size_t index = 0; index < 4; ++index) {
      const std::string digits = columns[2].substr(6 - index * 2, 2);
      if (std::from_chars(digits.data(), digits.data() + 2, address.bytes[index], 16).ptr !=
          digits.data() + 2)
        return std::nullopt;
    }
    if (!address.is_any()) return address;
  }
  return std::nullopt;
}

}  // namespace ecrin::run
