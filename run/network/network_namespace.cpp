#include "run/network/network_namespace.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>

#include "base/posix.hpp"
#include "run/capabilities.hpp"
#include "run/network/loopback.hpp"
#include "run/network/network_files.hpp"

namespace ecrin::run {
namespace {

Result<Fd> open_route_socket() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return fail_errno("cannot open a netlink socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("cannot listen to the routes of a network namespace");
  return socket;
}

Result<std::string> path_of_this_thread() {
  std::array<char, 64> link{};
  const ssize_t size = ::readlink("/proc/thread-self", link.data(), link.size());
  if (size <= 0) return fail_errno("cannot read '/proc/thread-self'");
  return "/proc/" + std::string(link.data(), static_cast<std::size_t>(size)) + "/ns/net";
}

bool announces_default_route(const char* bytes, std::size_t size) {
  auto remaining = static_cast<unsigned>(size);
  for (const auto* header = reinterpret_cast<const nlmsghdr*>(bytes); NLMSG_OK(header, remaining);
       header = NLMSG_NEXT(header, remaining)) {
    if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) continue;
    const auto* route = static_cast<const rtmsg*>(NLMSG_DATA(header));
    // IPv6 has a default "unreachable" route of its own from the start.
    if (route->rtm_dst_len == 0 && route->rtm_type == RTN_UNICAST && route->rtm_table == RT_TABLE_MAIN)
      return true;
  }
  return false;
}

}  // namespace

Result<> NetworkNamespace::enter_new() {
  if (::unshare(CLONE_NEWNET) != 0) {
    auto error = fail_errno("cannot make a network namespace");
    return std::unexpected(std::move(error).error().hint(
        "see the sysctl user.max_net_namespaces; inside another container its seccomp filter may forbid it"));
  }
  TRY(bring_up_loopback());
  m_routes = TRY(open_route_socket());
  m_path = TRY(path_of_this_thread());
  m_descriptor = TRY(posix::open(m_path, O_RDONLY));
  // The helpers give up most capabilities before they open the path, and /proc shows a task only to those
  // that have all of its capabilities.
  return set_capabilities({});
}

// A namespace belongs to a thread as much as to a process. Nothing has to be forked for it, and the thread
// can stand in /proc for as long as somebody needs a path.
Result<NetworkNamespace> NetworkNamespace::create() {
  NetworkNamespace made;
  std::promise<Result<>> entered;
  std::future<Result<>> outcome = entered.get_future();
  made.m_holder = std::thread(
      [](NetworkNamespace& here, std::promise<Result<>> answer, std::future<void> end) {
        answer.set_value(here.enter_new());
        end.wait();
      },
      std::ref(made), std::move(entered), made.m_end.get_future());
  TRY(outcome.get());
  return made;
}

NetworkNamespace::~NetworkNamespace() {
  if (!m_holder.joinable()) return;
  m_end.set_value();
  m_holder.join();
}

Result<IpAddress> NetworkNamespace::gateway(int timeout_milliseconds) const {
  const std::string table = m_path.substr(0, m_path.rfind("/ns/net")) + "/net/route";
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_milliseconds);
  for (;;) {
    if (const auto address = default_gateway(TRY(posix::read_file(table, 1u << 20)))) return *address;
    if (std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return fail(
      ErrorKind::unsupported,
      "the host has no address in the private network: it has no IPv4 gateway that could stand for it");
}

Result<RouteWait> wait_for_default_route(const Fd& routes, const Child& helper, int timeout_milliseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_milliseconds);
  alignas(nlmsghdr) std::array<char, 32 * 1024> buffer;
  for (;;) {
    std::array<pollfd, 2> waiting = {pollfd{.fd = routes.get(), .events = POLLIN, .revents = 0},
                                     pollfd{.fd = helper.pidfd().get(), .events = POLLIN, .revents = 0}};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return RouteWait::timed_out;
    const int count = ::poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
    if (count < 0 && errno != EINTR) return fail_errno("cannot wait for the network helper");
    if (waiting[0].revents & POLLIN) {
      const ssize_t size = ::recv(routes.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size > 0 && announces_default_route(buffer.data(), static_cast<std::size_t>(size)))
        return RouteWait::ready;
    } else if (waiting[1].revents & POLLIN) {
      return RouteWait::helper_ended;
    }
  }
}

}  // namespace ecrin::run
