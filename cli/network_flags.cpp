#include "cli/network_flags.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"
#include "cli/run_settings.hpp"
#include "run/network/network_config.hpp"

namespace ecrin::cli {
namespace {

using run::NetworkRequest;
using Kind = NetworkRequest::Kind;

Result<std::vector<std::pair<std::string, std::string>>> parse_hosts(const Arguments& arguments) {
  std::vector<std::pair<std::string, std::string>> hosts;
  for (const std::string& text : arguments.values("add-host")) {
    const std::size_t border = text.find_first_of("=:");
    if (border != std::string::npos && text.substr(border + 1) == run::k_host_gateway) {
      for (std::string& name : split(text.substr(0, border), ';')) {
        if (!is_word(name))
          return fail(ErrorKind::invalid, "--add-host is NAME:ADDRESS, not '{}'", printable(text));
        hosts.emplace_back(std::move(name), run::k_host_gateway);
      }
      continue;
    }
    for (auto& host : TRY(parse_add_host(text))) hosts.push_back(std::move(host));
  }
  return hosts;
}

Result<> check_mac_address(const std::string& text) {
  const std::vector<std::string> parts = split(text, ':');
  const auto is_byte = [](const std::string& part) {
    return part.size() == 2 &&
           std::ranges::all_of(part, [](unsigned char c) { return std::isxdigit(c) != 0; });
  };
  if (parts.size() == 6 && std::ranges::all_of(parts, is_byte)) return {};
  return fail(ErrorKind::invalid, "a MAC address is six bytes like 92:d0:c6:0a:29:33, not '{}'",
              printable(text, 200));
}

Result<> check_alias(const std::string& text) {
  if (is_word(text) && !text.contains(',') && text.size() <= 253) return {};
  return fail(ErrorKind::invalid, "'{}' is no name that a container can be found by", printable(text, 300));
}

Result<> add_address(run::NetworkAttachment& attachment, const std::string& text) {
  const auto address = run::IpAddress::parse(text);
  if (!address) return fail(ErrorKind::invalid, "'{}' is no address for a container", printable(text, 200));
  for (const run::IpAddress& other : attachment.addresses) {
    if (other.family == address->family)
      return fail(ErrorKind::invalid, "two addresses of one family, {} and {}, for the network '{}'",
                  other.to_string(), address->to_string(), attachment.network);
  }
  attachment.addresses.push_back(*address);
  return {};
}

// "NAME[:ip=ADDRESS][,mac=...][,alias=...]"
Result<run::NetworkAttachment> parse_attachment(const std::string& name, const std::string& options) {
  TRY(run::check_network_name(name));
  run::NetworkAttachment attachment{.network = name};
  if (options.empty()) return attachment;
  for (const std::string& option : split(options, ',')) {
    const std::size_t equals = option.find('=');
    const std::string key = option.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
    if (key == "ip" || key == "ip6") {
      TRY(add_address(attachment, value));
    } else if (key == "mac") {
      TRY(check_mac_address(value));
      attachment.mac_address = value;
    } else if (key == "alias") {
      TRY(check_alias(value));
      attachment.aliases.push_back(value);
    } else if (key == "interface_name" && is_word(value) && value.size() <= 15 && !value.contains('/')) {
      attachment.interface_name = value;
    } else {
      return fail(ErrorKind::invalid,
                  "--network {}: '{}' is none of ip=, ip6=, mac=, alias= and interface_name=", name,
                  printable(option, 200));
    }
  }
  return attachment;
}

// One word of --network.
Result<> add_network(NetworkRequest& request, const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (name == "container" || name == "ns") {
    if (rest.empty())
      return fail(ErrorKind::invalid, "--network {}: needs {}", name,
                  name == "ns" ? "the path of a network namespace" : "the name or ID of a container");
    request.kind = name == "ns" ? Kind::path : Kind::container;
    request.target = rest;
    return {};
  }
  const std::pair<std::string_view, Kind> kinds[] = {{"none", Kind::none},
                                                     {"host", Kind::host},
                                                     {"private", Kind::private_network},
                                                     {"default", Kind::private_network},
                                                     {"pasta", Kind::private_network},
                                                     {"slirp4netns", Kind::private_network}};
  const auto* known =
      std::ranges::find(kinds, std::string_view(name), &std::pair<std::string_view, Kind>::first);
  if (known == std::end(kinds)) {
    request.kind = Kind::named;
    request.attachments.push_back(TRY(parse_attachment(name, rest)));
    return {};
  }
  if (colon != std::string::npos)
    return fail(ErrorKind::unsupported, "--network {}: takes no options, and there are '{}'", name,
                printable(rest, 200));
  request.kind = known->second;
  if (name == "pasta" || name == "slirp4netns") request.helper = name;
  return {};
}

// What is said of the one network of a container, outside of --network.
Result<> add_attachment_flags(NetworkRequest& request, const Arguments& arguments) {
  for (const char* flag : {"ip", "ip6", "mac-address", "network-alias"}) {
    if (!arguments.has(flag)) continue;
    if (request.kind != Kind::named) {
      return std::unexpected(Error(ErrorKind::invalid, fmt::format("--{} needs a named network", flag))
                                 .hint("'--network bridge' is one that is always there"));
    }
    if (request.attachments.size() > 1 && std::string_view(flag) != "network-alias") {
      return std::unexpected(
          Error(ErrorKind::invalid, fmt::format("--{} is for a container on one network", flag))
              .hint("say it of each: --network NAME:ip=ADDRESS,mac=ADDRESS"));
    }
  }
  for (const char* flag : {"ip", "ip6"})
    for (const std::string& address : arguments.values(flag))
      TRY(add_address(request.attachments.front(), address));
  if (const auto mac = arguments.find("mac-address")) {
    TRY(check_mac_address(*mac));
    request.attachments.front().mac_address = *mac;
  }
  for (const std::string& alias : arguments.values("network-alias")) {
    TRY(check_alias(alias));
    for (run::NetworkAttachment& attachment : request.attachments) attachment.aliases.push_back(alias);
  }
  return {};
}

}  // namespace

Result<run::NetworkAttachment> parse_named_network(const std::string& text) {
  NetworkRequest request;
  TRY(add_network(request, text));
  if (request.kind == Kind::named) return std::move(request.attachments.front());
  return fail(ErrorKind::invalid, "'{}' is no network with a name", printable(text, 200));
}

Result<NetworkRequest> parse_network_request(const Arguments& arguments) {
  NetworkRequest request;
  const std::vector<std::string> networks = arguments.values("network");
  for (const std::string& text : networks) TRY(add_network(request, text));
  if (networks.size() > 1 && request.attachments.size() != networks.size())
    return fail(ErrorKind::invalid, "only named networks can be several, and --network is given {} times",
                networks.size());
  for (std::size_t index = 0; index < request.attachments.size(); ++index) {
    for (std::size_t other = 0; other < index; ++other) {
      if (request.attachments[index].network == request.attachments[other].network)
        return fail(ErrorKind::invalid, "the network '{}' is named twice",
                    request.attachments[index].network);
    }
  }
  TRY(add_attachment_flags(request, arguments));
  for (const std::string& text : arguments.values("publish")) {
    const auto ports = TRY(run::parse_published_ports(text));
    request.ports.insert(request.ports.end(), ports.begin(), ports.end());
  }
  for (const std::string& text : arguments.values("expose")) {
    const auto ports = TRY(run::parse_exposed_ports(text));
    request.exposed.insert(request.exposed.end(), ports.begin(), ports.end());
  }
  request.publish_all = arguments.on("publish-all");
  request.resolver = TRY(parse_resolver(arguments));
  request.hosts = TRY(parse_hosts(arguments));
  request.writes_hosts = !arguments.on("no-hosts");
  request.writes_hostname = !arguments.on("no-hostname");
  if (!request.writes_hosts && !request.hosts.empty())
    return fail(ErrorKind::invalid, "--no-hosts and --add-host do not go together");
  TRY(run::check_network_request(request));
  return request;
}

std::vector<Flag> network_flags() {
  return {
      {.name = "add-host",
       .value = "NAME:ADDRESS",
       .help = "a line of /etc/hosts; host-gateway for ADDRESS is the host",
       .occurs = Occurs::often},
      {.name = "dns",
       .value = "ADDRESS",
       .help = "a nameserver, instead of the host's",
       .occurs = Occurs::often},
      {.name = "dns-option", .value = "OPTION", .help = "an option of the resolver", .occurs = Occurs::often},
      {.name = "dns-search",
       .value = "DOMAIN",
       .help = "where short names are looked up; '.' for nowhere",
       .occurs = Occurs::often},
      {.name = "expose",
       .value = "PORT[/PROTOCOL]",
       .help = "a port for --publish-all, besides the image's",
       .occurs = Occurs::often},
      {.name = "ip", .value = "ADDRESS", .help = "the container's IPv4 address on its named network"},
      {.name = "ip6", .value = "ADDRESS", .help = "the container's IPv6 address on its named network"},
      {.name = "mac-address", .value = "ADDRESS", .help = "its MAC address there"},
      {.name = "network",
       .value = "MODE",
       .help =
           "private (default), pasta, slirp4netns, host, none, container:NAME, ns:PATH, or named networks",
       .occurs = Occurs::often},
      {.name = "network-alias",
       .value = "NAME",
       .help = "one more name that others on its named networks find it by",
       .occurs = Occurs::often},
      {.name = "no-hostname", .value = "", .help = "leave the image's /etc/hostname"},
      {.name = "no-hosts", .value = "", .help = "leave the image's /etc/hosts"},
      {.name = "publish",
       .letter = 'p',
       .value = "[[ADDRESS:]HOST-PORT:]PORT[/PROTOCOL]",
       .help = "let a port of the host, or a range of them, stand for the container's",
       .occurs = Occurs::often},
      {.name = "publish-all",
       .letter = 'P',
       .value = "",
       .help = "publish all that the image exposes on free ports"},
  };
}

}  // namespace ecrin::cli
