#include "cli/runtime/log_file.hpp"

#include <time.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::cli {

std::string log_line(LogFormat format, std::string_view level, std::string_view message,
                     std::int64_t seconds) {
  const std::string time = format_time(seconds);
  const Json text = std::string(message);
  if (format == LogFormat::json)
    return dump_json(Json{{"level", std::string(level)}, {"msg", text}, {"time", time}}) + "\n";
  return fmt::format("time=\"{}\" level={} msg={}\n", time, level, dump_json(text));
}

std::string one_line(const Error& error) {
  std::string text = error.message();
  // Words by which engines know these two from other failures.
  const std::string lower = to_lower(text);
  if (error.kind() == ErrorKind::program_not_found && lower.find("no such file") == std::string::npos)
    text += ": executable file not found in $PATH";
  if (error.kind() == ErrorKind::program_not_executable &&
      lower.find("permission denied") == std::string::npos)
    text += ": permission denied";
  for (const std::string& line : error.trace()) text += ", while " + line;
  if (!error.hint_text().empty()) text += "; " + error.hint_text();
  for (char& character : text)
    if (character == '\n' || character == '\r') character = ' ';
  return text;
}

Result<LogFile> LogFile::open(const std::string& path, LogFormat format) {
  LogFile log;
  log.m_file =
      TRY_WHILE(posix::open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, 0644), "opening the log");
  log.m_format = format;
  return log;
}

void LogFile::write(std::string_view level, std::string_view message) const {
  if (!m_file) return;
  (void)posix::write_full(m_file, log_line(m_format, level, message, ::time(nullptr)));
}

}  // namespace ecrin::cli
