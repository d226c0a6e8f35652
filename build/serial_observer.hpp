// SerialObserver: a BuildObserver that several threads tell, one at a time. Internal to build/.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "build/observer.hpp"

namespace ecrin::build {

class SerialObserver {
public:
  explicit SerialObserver(BuildObserver& observer) : m_observer(observer) {}
  template <class F>
  void with(F call) {
    const std::scoped_lock lock(m_mutex);
    call(m_observer);
  }
  void note_once(const std::string& message) {
    const std::scoped_lock lock(m_mutex);
    if (std::find(m_noted.begin(), m_noted.end(), message) != m_noted.end()) return;
    m_noted.push_back(message);
    m_observer.note(message);
  }

private:
  std::mutex m_mutex;
  BuildObserver& m_observer;
  std::vector<std::string> m_noted;
};

}  // namespace ecrin::build
