// What a runtime says of its failures: one line on standard error, and one in the file of --log, in the form
// in which engines read it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace ecrin::cli {

enum class LogFormat { text, json };

/// One line of a log with its newline; `level` is "debug", "info", "warning" or "error".
std::string log_line(LogFormat format, std::string_view level, std::string_view message,
                     std::int64_t seconds);

/// The error, what was being done and the hint, in one line. Engines look for known words in it to tell what
/// the container's program lacks.
std::string one_line(const Error& error);

class LogFile {
public:
  LogFile() = default;  // of nothing
  /// Appends to it; made when it is missing.
  static Result<LogFile> open(const std::string& path, LogFormat format);
  explicit operator bool() const { return static_cast<bool>(m_file); }
  void write(std::string_view level, std::string_view message) const;

private:
  Fd m_file;
  LogFormat m_format = LogFormat::text;
};

}  // namespace ecrin::cli
