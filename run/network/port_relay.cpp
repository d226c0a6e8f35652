#include "run/network/port_relay.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/log.hpp"
#include "run/network/relay_flows.hpp"

namespace ecrin::run {
namespace {

constexpr int k_tend_interval = 5000;  // milliseconds
constexpr std::size_t k_fewest_descriptors = 64;

// Half of what the process may have: it has other things to do.
std::size_t most_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return k_fewest_descriptors;
  return std::max<std::size_t>(k_fewest_descriptors, std::min<rlim_t>(limit.rlim_cur, 65536) / 2);
}

struct Stop final : EventHandler {
  void ready(std::uint32_t /*events*/) override { asked = true; }
  bool asked = false;
};

Result<> relay(std::vector<HostSocket> sockets, const Fd& stop) {
  EventLoop loop = TRY(EventLoop::create());
  Stop stopper;
  TRY(loop.watch(stop, 0, EPOLLIN, stopper));
  RelayHub hub(loop, most_descriptors());
  std::vector<std::unique_ptr<TcpPort>> tcp;
  std::vector<std::unique_ptr<UdpPort>> udp;
  for (HostSocket& socket : sockets) {
    if (socket.port.protocol == Protocol::tcp) {
      tcp.push_back(std::make_unique<TcpPort>(hub, std::move(socket)));
    } else {
      udp.push_back(std::make_unique<UdpPort>(hub, std::move(socket)));
    }
  }
  while (!stopper.asked) {
    for (const auto& port : tcp) TRY(port->tend());
    for (const auto& port : udp) TRY(port->tend());
    for (const auto& [handler, events] : TRY(loop.wait(k_tend_interval))) handler->ready(events);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<PortRelay>> PortRelay::start(std::vector<HostSocket> sockets,
                                                    const Fd& network_namespace) {
  std::unique_ptr<PortRelay> made(
      new PortRelay(std::move(sockets), TRY(network_namespace.duplicate()), TRY(Pipe::create())));
  std::promise<Result<>> entered;
  std::future<Result<>> outcome = entered.get_future();
  // Signals are for the threads that know what to do with them.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  made->m_thread = std::thread(&PortRelay::work, made.get(), std::move(entered));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  TRY(outcome.get());
  return made;
}

PortRelay::~PortRelay() {
  m_stop.write.reset();
  if (m_thread.joinable()) m_thread.join();
}

void PortRelay::work(std::promise<Result<>> entered) {
  if (::setns(m_namespace.get(), CLONE_NEWNET) != 0) {
    entered.set_value(fail_errno("cannot enter the container's network to publish its ports"));
    return;
  }
  m_namespace.reset();
  entered.set_value({});
  if (const auto outcome = relay(std::move(m_sockets), m_stop.read); !outcome)
    log::warning("published ports do not answer any more: {}", outcome.error().message());
}

}  // namespace ecrin::run
