#include "run/network/network.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "run/network/network_files.hpp"
#include "run/network/network_namespace.hpp"
#include "run/plan/outer_container.hpp"

namespace ecrin::run {
namespace {

constexpr int k_helper_timeout = 5000;  // milliseconds; it takes 20 on an idle machine
constexpr const char* k_slirp_nameserver = "10.0.2.3";
constexpr const char* k_slirp_gateway = "10.0.2.2";
constexpr int k_gateway_timeout = 1000;  // milliseconds; IPv6 may have had its route first

struct Helper {
  Child child;
  Fd output;  // what it wrote, for the error message
};

// What a helper says is kept in memory: a pipe that nobody reads would stop it one day.
Result<Fd> memory_file() {
  Fd file(::memfd_create("network-helper", MFD_CLOEXEC));
  if (!file) return fail_errno("cannot create a memory file");
  return file;
}

std::string said(const Fd& output) {
  if (::lseek(output.get(), 0, SEEK_SET) < 0) return "";
  const std::string text = posix::read_fd(output, 1u << 20).value_or("");
  return printable(trim(text), 1024);
}

Result<Helper> start_pasta(const std::string& path, const std::string& search_path, bool forward_names,
                           bool reach_host) {
  Helper helper{.output = TRY(memory_file())};
  Command command{.argv = {"pasta", "--foreground", "--quiet", "--stderr", "--config-net", "--netns", path,
                           "--netns-only", "--no-netns-quit", "--runas", "0:0", "-t", "none", "-u", "none",
                           "-T", "none", "-U", "none"},
                  .environment = std::vector<std::string>{},
                  .search_path = search_path};
  if (!reach_host) command.argv.emplace_back("--no-map-gw");
  if (forward_names) command.argv.insert(command.argv.end(), {"--dns-forward", k_helper_nameserver});
  command.descriptors = {{&helper.output, 1}, {&helper.output, 2}};
  helper.child = TRY(Child::spawn(command));
  return helper;
}

Result<Helper> start_slirp(const std::string& path, const std::string& search_path, bool reach_host) {
  Helper helper{.output = TRY(memory_file())};
  Command command{.argv = {"slirp4netns", "--configure", "--mtu=65520"},
                  .environment = std::vector<std::string>{},
                  .search_path = search_path};
  if (!reach_host) command.argv.emplace_back("--disable-host-loopback");
  command.argv.insert(command.argv.end(), {"--netns-type=path", path, "tap0"});
  command.descriptors = {{&helper.output, 1}, {&helper.output, 2}};
  helper.child = TRY(Child::spawn(command));
  return helper;
}

Result<> wait_until_ready(Helper& helper, const Fd& routes, std::string_view name) {
  switch (TRY(wait_for_default_route(routes, helper.child, k_helper_timeout))) {
    case RouteWait::ready:
      return {};
    case RouteWait::timed_out:
      return fail(ErrorKind::network, "{} did not set up the private network in {} seconds: {}", name,
                  k_helper_timeout / 1000, said(helper.output));
    case RouteWait::helper_ended:
      break;
  }
  const ExitStatus status = TRY(helper.child.wait());
  auto error = fail(ErrorKind::network, "{} cannot set up a private network ({}): {}", name,
                    status.to_string(), said(helper.output));
  return std::unexpected(std::move(error).error().hint("use the host's network, or none"));
}

}  // namespace

NetworkProbe probe_private_network(const std::string& search_path, const std::string& helper) {
  NetworkProbe probe;
  for (const char* name : {"pasta", "slirp4netns"}) {
    if ((!helper.empty() && helper != name) || find_program(name, search_path).empty()) continue;
    probe.helper = name;
    break;
  }
  if (probe.helper.empty() && !helper.empty()) {
    probe.problem = helper + " was not found";
    probe.hint = fmt::format("install the package {}, or leave the choice open with '--network private'",
                             helper == "pasta" ? "passt" : helper);
  } else if (probe.helper.empty()) {
    probe.problem = "neither pasta nor slirp4netns was found";
    probe.hint = "install the package passt (or slirp4netns), or use the host's network";
  } else if (const int code = ::access("/dev/net/tun", R_OK | W_OK) == 0 ? 0 : errno; code != 0) {
    probe.problem = fmt::format("cannot use /dev/net/tun: {}", Error::from_errno(code, "access").message());
    probe.hint = device_fix(find_outer_container(), OuterNeed::tun, code) + "; or use the host's network";
  }
  return probe;
}

Result<PrivateNetwork> PrivateNetwork::create(const std::string& search_path,
                                              const PrivateNetworkOptions& options) {
  const NetworkProbe probe = probe_private_network(search_path, options.helper);
  if (!probe.problem.empty())
    return std::unexpected(
        Error(ErrorKind::unsupported, "cannot make a private network: " + probe.problem).hint(probe.hint));
  NetworkNamespace made = TRY(NetworkNamespace::create());
  PrivateNetwork network;
  network.m_namespace = std::move(made.descriptor());
  Helper helper;
  if (probe.helper == "pasta") {
    const bool forward_names =
        !has_reachable_nameserver(posix::read_file("/etc/resolv.conf", 1u << 20).value_or(""));
    if (forward_names) network.m_nameserver = k_helper_nameserver;
    helper = TRY(start_pasta(made.path(), search_path, forward_names, options.reach_host));
  } else {
    network.m_nameserver = k_slirp_nameserver;
    helper = TRY(start_slirp(made.path(), search_path, options.reach_host));
  }
  TRY_WHILE(wait_until_ready(helper, made.routes(), probe.helper), "starting a private network");
  network.m_helper = std::move(helper.child);
  if (options.reach_host)
    network.m_host_address =
        probe.helper == "pasta" ? TRY(made.gateway(k_gateway_timeout)) : IpAddress::parse(k_slirp_gateway);
  return network;
}

NetworkPool::Lease::Lease(NetworkPool& pool, std::unique_ptr<PrivateNetwork> network)
    : m_pool(&pool), m_network(std::move(network)) {}

NetworkPool::Lease::Lease(Lease&& other) noexcept
    : m_pool(other.m_pool), m_network(std::move(other.m_network)) {}

NetworkPool::Lease::~Lease() {
  if (!m_network) return;
  const std::scoped_lock lock(m_pool->m_mutex);
  m_pool->m_free.push_back(std::move(m_network));
}

Result<NetworkPool::Lease> NetworkPool::acquire() {
  {
    const std::scoped_lock lock(m_mutex);
    if (!m_free.empty()) {
      std::unique_ptr<PrivateNetwork> network = std::move(m_free.back());
      m_free.pop_back();
      return Lease(*this, std::move(network));
    }
  }
  return Lease(*this, std::make_unique<PrivateNetwork>(TRY(PrivateNetwork::create(m_search_path))));
}

}  // namespace ecrin::run
