#include "cli/network_session.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/environment.hpp"
#include "run/joined_network.hpp"

namespace ecrin::cli {
namespace {

using run::NetworkRequest;
using Kind = NetworkRequest::Kind;

Result<> open_named(Session& session, const NetworkRequest& request, OpenedNetwork& opened) {
  const run::NetworkStore store = TRY(run::NetworkStore::open(TRY(session.root())));
  opened.store = TRY(store.directory().duplicate());
  for (const run::NetworkAttachment& attachment : request.attachments)
    opened.networks.push_back(TRY(store.use(attachment.network)));
  const FileLock lock = TRY(run::KeeperConnection::lock(store.directory()));
  opened.keeper = TRY(run::KeeperConnection::connect(store.directory()));
  if (opened.keeper) return session.join_namespace(opened.keeper->user_namespace());
  TRY(session.enter_namespace());
  opened.keeper.emplace(TRY(run::KeeperConnection::start(store.directory(), session.search_path())));
  return {};
}

}  // namespace

Result<OpenedNetwork> open_network_namespaces(Session& session, const NetworkRequest& request) {
  OpenedNetwork opened;
  if (request.kind == Kind::named) TRY(open_named(session, request, opened));
  if (request.kind == Kind::path) {
    const std::string path = TRY(absolute_path(request.target));
    opened.network_namespace = TRY(run::open_network_namespace(path));
    TRY(session.join_namespace(TRY(run::owner_of_namespace(opened.network_namespace, path))));
  }
  return opened;
}

Result<run::ContainerNetwork> open_network(Session& session, const NetworkRequest& request,
                                           const oci::ImageConfig& image, const NetworkedContainer& container,
                                           const OpenedNetwork& opened) {
  if (request.kind == Kind::host && (!request.ports.empty() || request.publish_all))
    log::warning("published ports mean nothing with the host's network: all ports are the host's");
  run::NetworkContext context{.search_path = session.search_path(),
                              .host_resolv_conf = posix::read_file("/etc/resolv.conf", 1u << 20).value_or(""),
                              .hostname = container.hostname,
                              .container_id = container.id,
                              .container_name = container.name};
  if (request.publish_all) context.exposed_by_image = TRY(run::parse_ports_of_image(image.exposed_ports));
  if (opened.network_namespace) context.joined.network_namespace = TRY(opened.network_namespace.duplicate());
  for (const run::UsedNetwork& network : opened.networks) context.networks.push_back(network.config);
  if (opened.keeper) {
    context.keeper = TRY(run::KeeperConnection::connect(opened.store));
    if (!context.keeper) return fail(ErrorKind::system, "the keeper of named networks was killed");
  }
  run::ContainerNetwork network = TRY(run::ContainerNetwork::open(request, std::move(context)));
  for (const run::PublishedPort& port : network.ports()) {
    if (std::ranges::find(request.ports, port) == request.ports.end())
      session.console().print(fmt::format("note: port {} of the container is port {} of the host",
                                          port.container_side(), port.host_port));
  }
  return network;
}

}  // namespace ecrin::cli
