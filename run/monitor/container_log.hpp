// What a container's program wrote, on disk: lines in the form of Kubernetes' container runtime interface,
//
//   2026-11-26T10:00:00.000000000Z stdout F text
//
// where F ends a line of the program and P does not. When the file "log" would get larger than its bound, it
// becomes "log.1" and a new one begins.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace ecrin::run {

enum class LogStream { output, error };

struct LogEntry {
  std::int64_t time = 0;  // nanoseconds since 1970
  LogStream stream = LogStream::output;
  bool ends_line = true;
  std::string text;
  bool operator==(const LogEntry&) const = default;
};

/// "2026-11-26T10:00:00.000000000Z"
std::string format_log_time(std::int64_t nanoseconds);
/// With the newline.
std::string format_log_entry(const LogEntry& entry);
/// Without the newline; nullopt: it is none.
std::optional<LogEntry> parse_log_entry(std::string_view line);

class LogWriter {
public:
  /// Goes on with the file that is there.
  static Result<LogWriter> open(const Fd& directory, std::uint64_t max_size);
  /// Any bytes, cut at newlines. A full disk loses lines, and is an error each time.
  Result<> write(LogStream stream, std::string_view bytes, std::int64_t time);

private:
  LogWriter(Fd directory, std::uint64_t max_size) : m_directory(std::move(directory)), m_max_size(max_size) {}
  Result<> open_file();
  Result<> rotate();
  Result<> flush(std::string& text);
  Fd m_directory;
  std::uint64_t m_max_size;
  Fd m_file;
  std::uint64_t m_size = 0;
};

class LogReader {
public:
  /// From the oldest entry that is there. No log at all is an empty one.
  static Result<LogReader> open(const Fd& directory);
  /// Empty when there is no more for now. What is no entry is left out.
  Result<std::optional<LogEntry>> next();
  /// Returns when more may be there, at the latest after this time.
  Result<> wait(std::chrono::milliseconds longest);

private:
  explicit LogReader(Fd directory) : m_directory(std::move(directory)) {}
  Result<bool> read_more();
  Result<bool> next_file();
  Fd m_directory;
  Fd m_file;
  Fd m_changes;  // inotify, from the first wait on
  std::string m_buffer;
  std::size_t m_begin = 0;  // of what was not returned yet
};

}  // namespace ecrin::run
