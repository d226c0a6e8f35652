// A network namespace without a process in it, and the news of when it got its routes.
#pragma once

#include <future>
#include <string>
#include <thread>

#include "base/child.hpp"
#include "base/fd.hpp"
#include "run/network/ip_address.hpp"

namespace ecrin::run {

class NetworkNamespace {
public:
  /// New, with the loopback interface up.
  static Result<NetworkNamespace> create();
  NetworkNamespace(NetworkNamespace&&) noexcept = default;
  ~NetworkNamespace();

  /// Keeps the namespace alive.
  Fd& descriptor() { return m_descriptor; }
  /// A netlink socket of the namespace that hears of new routes.
  const Fd& routes() const { return m_routes; }
  /// A path for programs that want one; it exists as long as this object.
  const std::string& path() const { return m_path; }
  /// The gateway of its IPv4 default route, which may be on its way.
  Result<IpAddress> gateway(int timeout_milliseconds) const;

private:
  NetworkNamespace() = default;
  Result<> enter_new();
  Fd m_descriptor;
  Fd m_routes;
  std::string m_path;
  std::promise<void> m_end;
  std::thread m_holder;
};

/// Waits until the namespace has a default route, the helper process ends, or the time is over.
enum class RouteWait { ready, helper_ended, timed_out };
Result<RouteWait> wait_for_default_route(const Fd& routes, const Child& helper, int timeout_milliseconds);

}  // namespace ecrin::run
