#include "run/network/event_loop.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

namespace ecrin::run {

Result<EventLoop> EventLoop::create() {
  EventLoop loop;
  loop.m_epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop.m_epoll) return fail_errno("cannot make an event loop");
  return loop;
}

Result<> EventLoop::watch(const Fd& fd, std::uint32_t before, std::uint32_t events, EventHandler& handler) {
  if (before == events) return {};
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  const int operation = events == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(m_epoll.get(), operation, fd.get(), &event) != 0)
    return fail_errno("cannot wait for a descriptor");
  return {};
}

Result<std::vector<EventLoop::Ready>> EventLoop::wait(int timeout_milliseconds) {
  std::array<epoll_event, 64> events;
  const int count =
      ::epoll_wait(m_epoll.get(), events.data(), static_cast<int>(events.size()), timeout_milliseconds);
  if (count < 0 && errno != EINTR) return fail_errno("cannot wait for events");
  std::vector<Ready> ready;
  for (int index = 0; index < count; ++index) {
    const epoll_event& event = events[static_cast<std::size_t>(index)];
    ready.emplace_back(static_cast<EventHandler*>(event.data.ptr), event.events);
  }
  return ready;
}

}  // namespace ecrin::run
