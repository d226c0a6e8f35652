#include "run/monitor/container_log.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::run {
namespace {

constexpr const char* k_name = "log";
constexpr const char* k_old_name = "log.1";
constexpr std::int64_t k_second = 1'000'000'000;
constexpr std::size_t k_time_size = 30;              // "2026-11-26T10:00:00.000000000Z"
constexpr std::size_t k_longest_line = 1024 * 1024;  // we write far shorter ones
constexpr std::size_t k_chunk = 64 * 1024;

std::string_view word_of(LogStream stream) {
  return stream == LogStream::output ? "stdout" : "stderr";
}

// 0: none.
ino_t inode_of(const Fd& directory, const char* name) {
  const auto status = posix::lstat_at(directory, name);
  return status ? status->st_ino : 0;
}

}  // namespace

std::string format_log_time(std::int64_t nanoseconds) {
  std::string text = format_time(nanoseconds / k_second);
  text.pop_back();  // "Z"
  return text + fmt::format(".{:09}Z", nanoseconds % k_second);
}

std::string format_log_entry(const LogEntry& entry) {
  return fmt::format("{} {} {} {}\n", format_log_time(entry.time), word_of(entry.stream),
                     entry.ends_line ? 'F' : 'P', entry.text);
}

std::optional<LogEntry> parse_log_entry(std::string_view line) {
  constexpr std::size_t k_text = k_time_size + 10;  // "TIME stdout F "
  if (line.size() < k_text || line[k_time_size - 1] != 'Z' || line[k_time_size - 11] != '.') return {};
  LogEntry entry;
  const auto seconds = parse_time(std::string(line.substr(0, k_time_size - 11)) + "Z");
  const auto fraction = parse_unsigned(line.substr(k_time_size - 10, 9));
  if (!seconds || !fraction) return {};
  if (*seconds < 0 || *seconds >= INT64_MAX / k_second) return {};  // nanoseconds since 1970 end in 2262
  entry.time = *seconds * k_second + static_cast<std::int64_t>(*fraction);
  const std::string_view stream = line.substr(k_time_size, 8);
  if (stream != " stdout " && stream != " stderr ") return {};
  entry.stream = stream == " stdout " ? LogStream::output : LogStream::error;
  const char tag = line[k_time_size + 8];
  if ((tag != 'F' && tag != 'P') || line[k_time_size + 9] != ' ') return {};
  entry.ends_line = tag == 'F';
  entry.text = line.substr(k_text);
  return entry;
}

Result<LogWriter> LogWriter::open(const Fd& directory, std::uint64_t max_size) {
  LogWriter writer(TRY(directory.duplicate()), max_size);
  TRY(writer.open_file());
  return writer;
}

Result<> LogWriter::open_file() {
  m_file = TRY(posix::open_at(m_directory, k_name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600));
  m_size = static_cast<std::uint64_t>(TRY(posix::stat_fd(m_file)).st_size);
  return {};
}

Result<> LogWriter::rotate() {
  TRY(posix::rename_at(m_directory, k_name, m_directory, k_old_name));
  return open_file();
}

Result<> LogWriter::flush(std::string& text) {
  if (text.empty()) return {};
  if (m_size > 0 && m_size + text.size() > m_max_size) TRY(rotate());
  TRY(posix::write_full(m_file, std::string_view(text)));
  m_size += text.size();
  text.clear();
  return {};
}

Result<> LogWriter::write(LogStream stream, std::string_view bytes, std::int64_t time) {
  const std::size_t most = std::min<std::uint64_t>(k_chunk, m_max_size);
  const std::string head = fmt::format("{} {} ", format_log_time(time), word_of(stream));
  std::string text;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const bool ends_line = end != std::string_view::npos;
    const std::string_view line = ends_line ? bytes.substr(0, end) : bytes;
    bytes.remove_prefix(ends_line ? end + 1 : bytes.size());
    const std::string entry = fmt::format("{}{} {}\n", head, ends_line ? 'F' : 'P', line);
    if (text.size() + entry.size() > most) TRY(flush(text));
    text += entry;
  }
  return flush(text);
}

Result<LogReader> LogReader::open(const Fd& directory) {
  LogReader reader(TRY(directory.duplicate()));
  for (const char* name : {k_old_name, k_name}) {
    auto file = posix::open_at(directory, name, O_RDONLY | O_NOFOLLOW);
    if (!file && file.error().kind() == ErrorKind::not_found) continue;
    reader.m_file = TRY(std::move(file));
    break;
  }
  return reader;
}

// false: there is no more in this file.
Result<bool> LogReader::read_more() {
  if (!m_file) return false;
  if (m_begin > 0) m_buffer.erase(0, m_begin);
  m_begin = 0;
  const std::size_t size = m_buffer.size();
  // A line without an end is none of ours.
  if (size > k_longest_line) m_buffer.clear();
  std::array<std::byte, k_chunk> chunk;
  const std::size_t count = TRY(posix::read_some(m_file, chunk));
  m_buffer.append(reinterpret_cast<const char*>(chunk.data()), count);
  return count > 0;
}

// The one that was begun when this one was full.
Result<bool> LogReader::next_file() {
  const ino_t current = inode_of(m_directory, k_name);
  if (current == 0) return false;
  if (m_file) {
    if (TRY(posix::stat_fd(m_file)).st_ino == current) return false;
    // Something may have been added between our last read and the change.
    if (TRY(read_more())) return true;
  }
  m_file = TRY(posix::open_at(m_directory, k_name, O_RDONLY | O_NOFOLLOW));
  return true;
}

Result<std::optional<LogEntry>> LogReader::next() {
  for (;;) {
    const std::size_t end = m_buffer.find('\n', m_begin);
    if (end != std::string::npos) {
      auto entry = parse_log_entry(std::string_view(m_buffer).substr(m_begin, end - m_begin));
      m_begin = end + 1;
      if (entry) return entry;
      continue;
    }
    if (!TRY(read_more()) && !TRY(next_file())) return std::nullopt;
  }
}

Result<> LogReader::wait(std::chrono::milliseconds longest) {
  if (!m_changes) {
    m_changes = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    const std::string path = posix::fd_path(m_directory);
    // Without it (a limit of the user's) the time alone decides.
    if (m_changes && ::inotify_add_watch(m_changes.get(), path.c_str(), IN_MODIFY | IN_CREATE) < 0)
      m_changes.reset();
    if (m_changes) return {};  // something may have come since the last look
  }
  pollfd waiting{.fd = m_changes ? m_changes.get() : -1, .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, static_cast<int>(longest.count())) > 0) {
    std::array<char, 4096> events;
    while (::read(m_changes.get(), events.data(), events.size()) > 0) continue;
  }
  return {};
}

}  // namespace ecrin::run
