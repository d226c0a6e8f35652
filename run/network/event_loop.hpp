// epoll(7) as a small loop: handlers are told which of their descriptors are ready.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace ecrin::run {

class EventHandler {
public:
  virtual void ready(std::uint32_t events) = 0;

protected:
  ~EventHandler() = default;
};

class EventLoop {
public:
  static Result<EventLoop> create();
  /// Which events `handler` is told of for this descriptor; 0: none, not even errors. `before` is what the
  /// last call said. A closed descriptor is forgotten by itself.
  Result<> watch(const Fd& fd, std::uint32_t before, std::uint32_t events, EventHandler& handler);
  using Ready = std::pair<EventHandler*, std::uint32_t>;
  /// Waits at most this long. The handlers must live until all that is returned was told.
  Result<std::vector<Ready>> wait(int timeout_milliseconds);

private:
  Fd m_epoll;
};

}  // namespace ecrin::run
