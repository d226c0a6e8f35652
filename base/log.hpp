// Messages that are not errors, to a sink that cli/ sets once at start. Default: dropped.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string>

namespace ecrin::log {

enum class Level { debug, info, warning };
using Handler = std::function<void(Level, const std::string&)>;

/// Called once, before any thread starts.
void set_handler(Level least, Handler handler);
bool enabled(Level level);
void write(Level level, const std::string& message);  // safe from any thread

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace ecrin::log
