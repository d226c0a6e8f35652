#include "base/stream.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/posix.hpp"

namespace ecrin {
namespace {

constexpr std::size_t k_copy_block = 256 * 1024;

void append(std::string& text, std::span<const std::byte> bytes) {
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Result<std::size_t> FdSource::read(std::span<std::byte> buffer) {
  return posix::read_some(m_fd, buffer);
}

Result<> FdSink::write(std::span<const std::byte> bytes) {
  return posix::write_full(m_fd, bytes);
}

BufferedSink::BufferedSink(Sink& next, std::size_t capacity)
    : m_next(next), m_capacity(std::max<std::size_t>(capacity, 1)) {
  m_buffer.reserve(m_capacity);
}

Result<> BufferedSink::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (m_buffer.empty() && bytes.size() >= m_capacity) {
      TRY(m_next.write(bytes.first(m_capacity)));
      bytes = bytes.subspan(m_capacity);
      continue;
    }
    const std::size_t size = std::min(m_capacity - m_buffer.size(), bytes.size());
    append(m_buffer, bytes.first(size));
    bytes = bytes.subspan(size);
    if (m_buffer.size() == m_capacity) TRY(flush());
  }
  return {};
}

Result<> BufferedSink::flush() {
  if (m_buffer.empty()) return {};
  auto result = m_next.write(as_bytes(m_buffer));
  m_buffer.clear();
  return result;
}

Result<> BufferedSink::finish() {
  TRY(flush());
  return m_next.finish();
}

Result<std::size_t> MemorySource::read(std::span<std::byte> buffer) {
  const std::size_t size = std::min(buffer.size(), m_bytes.size() - m_position);
  if (size > 0) std::memcpy(buffer.data(), m_bytes.data() + m_position, size);
  m_position += size;
  return size;
}

Result<> StringSink::write(std::span<const std::byte> bytes) {
  append(m_bytes, bytes);
  return {};
}

Result<> CountingSink::write(std::span<const std::byte> bytes) {
  TRY(m_next.write(bytes));
  m_count += bytes.size();
  return {};
}

Result<> TeeSink::write(std::span<const std::byte> bytes) {
  TRY(m_first.write(bytes));
  return m_second.write(bytes);
}

Result<> TeeSink::finish() {
  TRY(m_first.finish());
  return m_second.finish();
}

Result<std::size_t> CountingSource::read(std::span<std::byte> buffer) {
  const std::size_t count = TRY(m_source->read(buffer));
  m_count += count;
  return count;
}

LimitSource::LimitSource(std::unique_ptr<Source> source, std::uint64_t limit, std::string what)
    : m_source(std::move(source)), m_left(limit), m_limit(limit), m_what(std::move(what)) {}

Result<std::size_t> LimitSource::read(std::span<std::byte> buffer) {
  if (buffer.empty()) return 0u;
  if (m_left == 0) {
    // Exactly `limit` bytes are allowed: only a byte more tells.
    std::byte probe;
    if (TRY(m_source->read(std::span(&probe, 1))) == 0) return 0u;
    return fail(ErrorKind::limit, "{} has more than {} bytes", m_what, m_limit);
  }
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), m_left));
  const std::size_t count = TRY(m_source->read(buffer.first(size)));
  m_left -= count;
  return count;
}

Result<std::uint64_t> copy_stream(Source& source, Sink& sink) {
  // Not filled with zeros: of a small file most of it is never touched.
  const auto bytes = std::make_unique_for_overwrite<std::byte[]>(k_copy_block);
  const std::span buffer(bytes.get(), k_copy_block);
  std::uint64_t total = 0;
  for (;;) {
    const std::size_t count = TRY(source.read(buffer));
    if (count == 0) return total;
    TRY(sink.write(buffer.first(count)));
    total += count;
  }
}

Result<std::string> read_all(Source& source, std::uint64_t limit) {
  std::string bytes;
  std::vector<std::byte> buffer(64 * 1024);
  for (;;) {
    const std::size_t count = TRY(source.read(buffer));
    if (count == 0) return bytes;
    if (count > limit - bytes.size()) return fail(ErrorKind::limit, "there are more than {} bytes", limit);
    append(bytes, std::span<const std::byte>(buffer).first(count));
  }
}

}  // namespace ecrin
