// A network namespace without a process in it, and the news of when it got its routes.
#pragma once

#include "base/child.hpp"
#include "base/fd.hpp"

namespace ecrin::run {

struct NetworkNamespace {
  Fd descriptor;  // keeps the namespace alive
  Fd routes;      // a netlink socket of the namespace that hears of new routes
  /// New, with the loopback interface up.
  static Result<NetworkNamespace> create();
};

/// Waits until the namespace has a default route, the helper process ends, or the time is over.
enum class RouteWait { ready, helper_ended, timed_out };
Result<RouteWait> wait_for_default_route(const Fd& routes, const Child& helper, int timeout_milliseconds);

}  // namespace ecrin::run
