#include "base/log.hpp"

#include <mutex>

namespace ecrin::log {
namespace {

// The one mutable global of base/: written once, before any thread starts.
struct Sink {
  Level least = Level::warning;
  Handler handler;
  std::mutex mutex;
};

Sink& sink() {
  // Never destroyed: threads that are still running at exit may log.
  static Sink& instance = *new Sink;
  return instance;
}

}  // namespace

void set_handler(Level least, Handler handler) {
  Sink& target = sink();
  const std::lock_guard lock(target.mutex);
  target.least = least;
  target.handler = std::move(handler);
}

bool enabled(Level level) {
  const Sink& target = sink();
  return target.handler && level >= target.least;
}

void write(Level level, const std::string& message) {
  if (!enabled(level)) return;
  Sink& target = sink();
  const std::lock_guard lock(target.mutex);
  target.handler(level, message);
}

}  // namespace ecrin::log
