#include "oci/registry/proxy.hpp"

#include <algorithm>

namespace ecrin::oci {
namespace {

struct Setting {
  std::string name;
  std::string value;
};

Setting setting(const TransportOptions& options, std::string name) {
  std::string upper = name;
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
  for (const std::string& spelling : {name, upper}) {
    const auto found = options.proxies.find(spelling);
    if (found != options.proxies.end() && !found->second.empty()) return {spelling, found->second};
  }
  return {};
}

// As in Go's tools, a registry on this machine needs no entry in no_proxy.
bool is_loopback(const std::string& host) {
  const bool ip4 = host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || host == "[::1]" || ip4;
}

}  // namespace

Result<ProxyChoice> choose_proxy(const Url& url, const TransportOptions& options) {
  if (is_loopback(url.host)) return ProxyChoice{};
  Setting proxy = setting(options, url.scheme + "_proxy");
  if (proxy.value.empty()) proxy = setting(options, "all_proxy");
  if (proxy.value.empty()) return ProxyChoice{};
  if (!is_proxy_url(proxy.value)) {
    return std::unexpected(
        Error(ErrorKind::invalid, fmt::format("{} does not name a proxy", proxy.name))
            .hint("a proxy is written as http://host:port, https://host:port or socks5://host:port"));
  }
  return ProxyChoice{std::move(proxy.value), setting(options, "no_proxy").value, std::move(proxy.name)};
}

}  // namespace ecrin::oci
