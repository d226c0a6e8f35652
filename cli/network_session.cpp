#include "cli/network_session.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"
#include "cli/containers/selection.hpp"
#include "cli/environment.hpp"
#include "run/monitor/control.hpp"
#include "run/network/joined_network.hpp"
#include "run/root_file.hpp"

namespace ecrin::cli {
namespace {

using run::NetworkRequest;
using Kind = NetworkRequest::Kind;

constexpr std::uint64_t k_largest_file = 1u << 20;  // of resolv.conf and hosts

Result<> open_named(Session& session, const NetworkRequest& request, OpenedNetwork& opened) {
  const run::NetworkStore store = TRY(run::NetworkStore::open(TRY(session.root())));
  opened.store = TRY(store.directory().duplicate());
  for (const run::NetworkAttachment& attachment : request.attachments) {
    run::UsedNetwork used = TRY(store.use(attachment.network));
    for (const run::UsedNetwork& other : opened.networks)
      if (other.config.name == used.config.name)
        return fail(ErrorKind::invalid, "the network '{}' is named twice", used.config.name);
    opened.networks.push_back(std::move(used));
  }
  const FileLock lock = TRY(run::KeeperConnection::lock(store.directory()));
  opened.keeper = TRY(run::KeeperConnection::connect(store.directory()));
  if (opened.keeper) return session.join_namespace(opened.keeper->user_namespace());
  TRY(session.enter_namespace());
  opened.keeper.emplace(TRY(run::KeeperConnection::start(store.directory(), session.search_path())));
  return {};
}

Result<> check_own_network(const Fd& network_namespace, const std::string& name) {
  const struct stat theirs = TRY(posix::stat_fd(network_namespace));
  const struct stat ours = TRY(posix::stat_fd(TRY(run::open_network_namespace("/proc/self/ns/net"))));
  if (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev) return {};
  return std::unexpected(Error(ErrorKind::unsupported,
                               fmt::format("container '{}' has the host's network, not one of its own", name))
                             .hint("'--network host' is the same"));
}

// As the container sees it; none when it has no such file.
std::optional<std::string> text_of_container(const Fd& root, std::string_view path) {
  return run::read_root_file(root, path, k_largest_file).value_or(std::nullopt);
}

Result<run::JoinedNetwork> join_container(Session& session, const std::string& words) {
  run::JoinedNetwork joined;
  std::string path;
  std::vector<Fd> received;
  {
    Containers containers = TRY(Containers::open(session));
    const run::StoredContainer record = TRY(containers.find(words));
    const Fd socket = TRY(containers.connect(record));
    path = fmt::format("/proc/{}/ns/net", record.state.pid);
    joined.network_namespace = TRY(run::open_network_namespace(path));
    TRY(check_own_network(joined.network_namespace, record.name));
    // The answer says also that it still runs: the namespace is that of its process.
    TRY(run::ask(socket, {{"verb", "root"}}, {}, received));
    if (received.empty()) return fail(ErrorKind::invalid, "the container's monitor gave no directory");
    if (TRY(containers.find(record.id)).state.pid != record.state.pid)
      return fail(ErrorKind::conflict, "container '{}' was started anew just now", record.name);
  }
  session.close_store();  // it is opened again as root of the namespace
  TRY(session.join_namespace(TRY(run::owner_of_namespace(joined.network_namespace, path))));
  joined.resolv_conf = text_of_container(received.front(), "/etc/resolv.conf");
  joined.hosts = text_of_container(received.front(), "/etc/hosts");
  return joined;
}

}  // namespace

Result<OpenedNetwork> open_network_namespaces(Session& session, const NetworkRequest& request) {
  OpenedNetwork opened;
  if (request.kind == Kind::named) TRY(open_named(session, request, opened));
  if (request.kind == Kind::path) {
    const std::string path = TRY(absolute_path(request.target));
    opened.joined.network_namespace = TRY(run::open_network_namespace(path));
    TRY(session.join_namespace(TRY(run::owner_of_namespace(opened.joined.network_namespace, path))));
  }
  if (request.kind == Kind::container) opened.joined = TRY(join_container(session, request.target));
  return opened;
}

Result<run::ContainerNetwork> open_network(Session& session, const NetworkRequest& request,
                                           const oci::ImageConfig& image, const NetworkedContainer& container,
                                           const OpenedNetwork& opened) {
  if (request.kind == Kind::host && (!request.ports.empty() || request.publish_all))
    log::warning("published ports mean nothing with the host's network: all ports are the host's");
  run::NetworkContext context{
      .search_path = session.search_path(),
      .host_resolv_conf = posix::read_file("/etc/resolv.conf", k_largest_file).value_or(""),
      .hostname = container.hostname,
      .container_id = container.id,
      .container_name = container.name,
      .exposed_by_image = {},
      .earlier_ports = container.earlier_ports};
  if (request.publish_all) context.exposed_by_image = TRY(run::parse_ports_of_image(image.exposed_ports));
  if (opened.joined.network_namespace)
    context.joined = {.network_namespace = TRY(opened.joined.network_namespace.duplicate()),
                      .resolv_conf = opened.joined.resolv_conf,
                      .hosts = opened.joined.hosts};
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
