// verb: network create
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/key_values.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "run/network/network_store.hpp"

namespace ecrin::cli {
namespace {

Result<run::IpAddress> parse_address(const std::string& text, std::string_view flag) {
  const auto address = run::IpAddress::parse(text);
  if (!address) return fail(ErrorKind::invalid, "--{} is an address, not '{}'", flag, printable(text, 200));
  return *address;
}

// "10.89.0.128/25", or "10.89.0.10-10.89.0.20" as newer podmans have it too.
Result<> add_range(run::NetworkSubnet& subnet, const std::string& text) {
  if (const std::size_t dash = text.find('-'); dash != std::string::npos) {
    subnet.first = TRY(parse_address(text.substr(0, dash), "ip-range"));
    subnet.last = TRY(parse_address(text.substr(dash + 1), "ip-range"));
    return {};
  }
  const run::Subnet range = TRY_WHILE(run::Subnet::parse(text), "reading --ip-range");
  subnet.first = range.base == subnet.subnet.base ? range.at(1) : range.base;
  subnet.last = range.last();
  return {};
}

Result<std::vector<run::NetworkSubnet>> parse_subnets(const Arguments& arguments) {
  std::vector<run::NetworkSubnet> subnets;
  for (const std::string& text : arguments.values("subnet"))
    subnets.push_back({.subnet = TRY_WHILE(run::Subnet::parse(text), "reading --subnet")});
  // Gateways and ranges belong to the subnets in their order.
  const std::vector<std::string> gateways = arguments.values("gateway");
  const std::vector<std::string> ranges = arguments.values("ip-range");
  if (gateways.size() > subnets.size() || ranges.size() > subnets.size())
    return fail(ErrorKind::invalid, "--gateway and --ip-range need a --subnet each");
  for (std::size_t index = 0; index < gateways.size(); ++index)
    subnets[index].gateway = TRY(parse_address(gateways[index], "gateway"));
  for (std::size_t index = 0; index < ranges.size(); ++index) TRY(add_range(subnets[index], ranges[index]));
  return subnets;
}

Outcome run(Session& session, const Arguments& arguments) {
  run::NetworkConfig config{.name = arguments.operands().front(),
                            .driver = arguments.value("driver", "bridge"),
                            .interface_name = arguments.value("interface-name"),
                            .ipv6 = arguments.on("ipv6"),
                            .internal = arguments.on("internal"),
                            .dns = !arguments.on("disable-dns")};
  config.subnets = TRY(parse_subnets(arguments));
  config.labels = TRY(parse_key_values(arguments.values("label"), "label"));
  config.options = TRY(parse_key_values(arguments.values("opt"), "opt"));
  for (const std::string& text : arguments.values("dns"))
    config.nameservers.push_back(TRY(parse_address(text, "dns")));
  for (const auto& [key, value] : config.options) {
    if (key != "mtu" && key != "isolate" && key != "metric")
      return fail(ErrorKind::unsupported, "there is no option '{}' of networks: mtu, metric and isolate are",
                  printable(key, 200));
  }
  TRY(run::check_network_name(config.name));
  TRY(run::check_network_config(config));
  const run::NetworkStore store = TRY(run::NetworkStore::open(TRY(session.root())));
  const std::string name = config.name;
  const auto created = store.create(std::move(config), session.now());
  if (!created) {
    const bool ignored = created.error().kind() == ErrorKind::conflict && arguments.on("ignore");
    if (!ignored || !store.find(name)) return std::unexpected(Failure(created.error()));
  }
  print_line(name);
  return 0;
}

}  // namespace

const Verb& network_create_verb() {
  static const Verb verb{
      .name = "network create",
      .operands = "NAME",
      .summary = "Make a network that containers share",
      .details =
          "Containers that run with --network NAME reach each other, by name too. Prints the name. Without "
          "--subnet it gets one that no other network has.",
      .flags =
          {
              {.name = "disable-dns", .value = "", .help = "containers do not find each other by name"},
              {.name = "dns",
               .value = "ADDRESS",
               .help = "a nameserver for all other names, instead of the host's",
               .occurs = Occurs::often},
              {.name = "driver", .letter = 'd', .value = "DRIVER", .help = "bridge, the only one"},
              {.name = "gateway",
               .value = "ADDRESS",
               .help = "the bridge's address in the subnet; default: its first",
               .occurs = Occurs::often},
              {.name = "ignore", .value = "", .help = "it is no error when there is one of this name"},
              {.name = "interface-name", .value = "NAME", .help = "of the bridge"},
              {.name = "internal", .value = "", .help = "no way out of the network"},
              {.name = "ip-range",
               .value = "RANGE",
               .help = "what containers may get of the subnet: ADDRESS/BITS or FIRST-LAST",
               .occurs = Occurs::often},
              {.name = "ipv6", .value = "", .help = "an IPv6 subnet, too"},
              {.name = "label", .value = "KEY=VALUE", .help = "a label of it", .occurs = Occurs::often},
              {.name = "opt",
               .letter = 'o',
               .value = "KEY=VALUE",
               .help = "mtu=N, metric=N or isolate=true",
               .occurs = Occurs::often},
              {.name = "subnet",
               .value = "ADDRESS/BITS",
               .help = "its addresses; once for IPv4 and once for IPv6, or more",
               .occurs = Occurs::often},
          },
      .least_operands = 1,
      .most_operands = 1,
      .run = run,
  };
  return verb;
}

}  // namespace ecrin::cli
