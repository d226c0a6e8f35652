// verbs: network connect, network disconnect
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/containers/network_words.hpp"
#include "cli/containers/selection.hpp"
#include "cli/containers/stored_request.hpp"
#include "run/monitor/control.hpp"
#include "run/network/network_store.hpp"

namespace ecrin::cli {
namespace {

struct Connected {
  Containers containers;
  run::NetworkStore store;
  run::StoredContainer record;
  StoredRequest stored;
  std::vector<std::string> names;  // of its networks, whatever the user called them
};

Result<Connected> open_connected(Session& session, const std::string& words) {
  Containers containers = TRY(Containers::open(session));
  run::NetworkStore store = TRY(run::NetworkStore::open(TRY(session.root())));
  run::StoredContainer record = TRY(containers.find(words));
  StoredRequest stored = TRY(decode_request(record.request));
  if (stored.request.network.kind != run::NetworkRequest::Kind::named)
    return std::unexpected(
        Error(ErrorKind::unsupported, fmt::format("container '{}' is on no named network", record.name))
            .hint(
                "only a container that was made with '--network NAME' can get others; '--network bridge' is "
                "one that is always there"));
  std::vector<std::string> names;
  for (const run::NetworkAttachment& attachment : stored.request.network.attachments) {
    const auto network = store.find(attachment.network);
    names.push_back(network ? network->name : attachment.network);
  }
  return Connected{.containers = std::move(containers),
                   .store = std::move(store),
                   .record = std::move(record),
                   .stored = std::move(stored),
                   .names = std::move(names)};
}

// At once when it runs, and for later starts.
Result<> change(Connected& connected, const Json& request, const std::vector<std::string>& words) {
  const std::string encoded = encode_request(words, connected.stored.image);
  TRY(decode_request(encoded));
  if (is_active(connected.record.state)) {
    const Fd socket = TRY(connected.containers.connect(connected.record));
    TRY(run::ask(socket, request));
  }
  return connected.containers.table().set_request(connected.record.id, encoded);
}

Outcome connect(Session& session, const Arguments& arguments) {
  Connected connected = TRY(open_connected(session, arguments.operands()[1]));
  const std::string name = TRY(connected.store.find(arguments.operands()[0])).name;
  if (std::ranges::find(connected.names, name) != connected.names.end())
    return std::unexpected(
        Error(ErrorKind::conflict,
              fmt::format("container '{}' is on the network '{}' already", connected.record.name, name)));
  std::vector<std::string> options;
  for (const auto& [flag, option] : {std::pair("ip", "ip"), std::pair("ip6", "ip6"),
                                     std::pair("mac-address", "mac"), std::pair("alias", "alias")})
    for (const std::string& value : arguments.values(flag)) {
      if (value.contains(','))
        return std::unexpected(
            Error(ErrorKind::invalid, fmt::format("--{} is one, not '{}'", flag, printable(value, 200))));
      options.push_back(fmt::format("{}={}", option, value));
    }
  const std::string network = options.empty() ? name : name + ":" + join(options, ",");
  TRY(change(connected, {{"verb", "connect"}, {"network", network}},
             with_network(connected.stored.words, network)));
  return 0;
}

Outcome disconnect(Session& session, const Arguments& arguments) {
  Connected connected = TRY(open_connected(session, arguments.operands()[1]));
  const auto network = connected.store.find(arguments.operands()[0]);
  const std::string name = network ? network->name : arguments.operands()[0];
  const auto found = std::ranges::find(connected.names, name);
  if (found == connected.names.end())
    return std::unexpected(
        Error(ErrorKind::not_found, fmt::format("container '{}' is not on the network '{}'",
                                                connected.record.name, printable(name, 200))));
  if (connected.names.size() == 1)
    return std::unexpected(
        Error(ErrorKind::unsupported,
              fmt::format("'{}' is the only network of container '{}'", name, connected.record.name))
            .hint("connect it to another one first"));
  TRY(change(
      connected, {{"verb", "disconnect"}, {"network", name}},
      without_network(connected.stored.words, static_cast<std::size_t>(found - connected.names.begin()))));
  return 0;
}

}  // namespace

const Verb& network_connect_verb() {
  static const Verb verb{
      .name = "network connect",
      .operands = "NETWORK CONTAINER",
      .summary = "Put a container on one more network",
      .details =
          "At once when it runs, and for its later starts. For containers that were made with a named "
          "network.",
      .flags =
          {
              {.name = "alias",
               .value = "NAME",
               .help = "one more name that others on the network find it by",
               .occurs = Occurs::often},
              {.name = "ip", .value = "ADDRESS", .help = "its IPv4 address there"},
              {.name = "ip6", .value = "ADDRESS", .help = "its IPv6 address there"},
              {.name = "mac-address", .value = "ADDRESS", .help = "its MAC address there"},
          },
      .least_operands = 2,
      .most_operands = 2,
      .run = connect,
  };
  return verb;
}

const Verb& network_disconnect_verb() {
  static const Verb verb{
      .name = "network disconnect",
      .operands = "NETWORK CONTAINER",
      .summary = "Take a container off a network",
      .details = "At once when it runs, and for its later starts. One network stays.",
      .flags = {},
      .least_operands = 2,
      .most_operands = 2,
      .run = disconnect,
  };
  return verb;
}

}  // namespace ecrin::cli
