// CancelToken: one flag that says "stop", set by the user's SIGINT or SIGTERM and looked at by long loops.
#pragma once

#include <atomic>

#include "base/error.hpp"

namespace ecrin {

class CancelToken {
public:
  CancelToken() = default;
  /// Stops also when `parent` does (nullptr: none); it must outlive this one.
  explicit CancelToken(const CancelToken* parent) : m_parent(parent) {}
  void cancel() { m_cancelled.store(true, std::memory_order_relaxed); }
  bool cancelled() const {
    return m_cancelled.load(std::memory_order_relaxed) || (m_parent && m_parent->cancelled());
  }
  Result<> check() const {
    if (cancelled()) return fail(ErrorKind::cancelled, "stopped by the user");
    return {};
  }

private:
  std::atomic<bool> m_cancelled = false;
  const CancelToken* m_parent = nullptr;
};

}  // namespace ecrin
