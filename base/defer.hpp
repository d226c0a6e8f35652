// Defer: runs a callable at scope exit unless dismissed. For undoing one step; a thing that owns gets a type.
#pragma once

#include <utility>

namespace ecrin {

template <class F>
class [[nodiscard]] Defer {
public:
  explicit Defer(F action) : m_action(std::move(action)) {}
  Defer(const Defer&) = delete;
  Defer& operator=(const Defer&) = delete;
  ~Defer() {
    if (m_armed) m_action();
  }
  void dismiss() { m_armed = false; }

private:
  F m_action;
  bool m_armed = true;
};

}  // namespace ecrin
