#include "run/network/keeper_bridges.hpp"

#include "base/child.hpp"
#include "base/log.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr auto k_netavark_timeout = std::chrono::seconds(60);
constexpr const char* k_places = "/usr/lib/podman:/usr/libexec/podman:/usr/local/libexec/podman";
constexpr const char* k_own_directory = "/run/ecrin-networks";  // in the keeper's own /run
constexpr int k_namespace_descriptor = 3;

std::unexpected<Error> missing(std::string_view name) {
  return std::unexpected(
      Error(ErrorKind::unsupported, fmt::format("named networks need {}, which was not found", name))
          .hint("install the packages netavark, aardvark-dns and iptables, or use "
                "'--network private'"));
}

}  // namespace

std::string find_network_program(const std::string& name, const std::string& search_path) {
  return find_program(name, search_path + ":" + k_places);
}

KeeperBridges::KeeperBridges(std::string search_path)
    : m_search_path(std::move(search_path)),
      m_netavark(find_network_program("netavark", m_search_path)),
      m_aardvark(find_network_program("aardvark-dns", m_search_path)) {}

Result<std::string> KeeperBridges::run_netavark(const std::string& verb, const Cable& cable) const {
  TRY(posix::make_directories(k_own_directory, 0700));
  Command command{.argv = {m_netavark, "--config", k_own_directory, "--rootless", "true", "--aardvark-binary",
                           m_aardvark, verb, fmt::format("/proc/self/fd/{}", k_namespace_descriptor)},
                  .environment = std::vector<std::string>{"PATH=" + m_search_path}};
  command.descriptors = {{&cable.network_namespace, k_namespace_descriptor}};
  Output output =
      TRY(run_command(std::move(command), netavark_options(cable.request), 1u << 20, k_netavark_timeout));
  if (output.status.success()) return std::move(output.standard_output);
  return fail(
      ErrorKind::network, "netavark cannot {} the network: {}", verb == "setup" ? "set up" : "take down",
      netavark_error(output.standard_output.empty() ? output.standard_error : output.standard_output));
}

Result<std::pair<KeeperBridges::Cable, AttachReply>> KeeperBridges::attach(AttachRequest request,
                                                                           Fd network_namespace) {
  if (m_netavark.empty()) return missing("netavark");
  if (find_program("iptables", m_search_path).empty()) return missing("iptables");
  for (const NetworkConfig& network : request.networks)
    if (network.dns && m_aardvark.empty()) return missing("aardvark-dns");
  if (!network_namespace) return fail(ErrorKind::invalid, "there is no network namespace to attach");
  for (std::size_t index = 0; index < request.attachments.size(); ++index) {
    NetworkAttachment& wanted = request.attachments[index];
    wanted.addresses =
        TRY(choose_addresses(request.networks[index], wanted, m_used[request.networks[index].name]));
    if (wanted.interface_name.empty()) wanted.interface_name = fmt::format("eth{}", index);
  }
  Cable cable{.request = std::move(request), .network_namespace = std::move(network_namespace)};
  const auto set_up = [&]() -> Result<AttachReply> {
    return parse_netavark_status(TRY(run_netavark("setup", cable)), cable.request);
  };
  auto reply = set_up();
  if (!reply) {
    // Whatever is there of it: one of several networks, or rules.
    (void)run_netavark("teardown", cable);  // the first error counts
    return std::unexpected(std::move(reply).error());
  }
  for (const NetworkAttachment& attachment : cable.request.attachments)
    m_used[attachment.network].insert(attachment.addresses.begin(), attachment.addresses.end());
  return std::pair(std::move(cable), std::move(*reply));
}

void KeeperBridges::give_back(const AttachRequest& request) {
  for (const NetworkAttachment& attachment : request.attachments)
    for (const IpAddress& address : attachment.addresses) m_used[attachment.network].erase(address);
}

void KeeperBridges::detach(Cable& cable, std::size_t index) {
  AttachRequest& request = cable.request;
  auto descriptor = cable.network_namespace.duplicate();
  if (!descriptor) return log::debug("{}", descriptor.error().message());
  Cable part{.request = request, .network_namespace = std::move(*descriptor)};
  part.request.networks = {request.networks[index]};
  part.request.attachments = {request.attachments[index]};
  detach(part);
  request.networks.erase(request.networks.begin() + static_cast<std::ptrdiff_t>(index));
  request.attachments.erase(request.attachments.begin() + static_cast<std::ptrdiff_t>(index));
}

void KeeperBridges::detach(const Cable& cable) {
  if (const auto done = run_netavark("teardown", cable); !done) log::debug("{}", done.error().message());
  give_back(cable.request);
}

}  // namespace ecrin::run
