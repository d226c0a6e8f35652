// Source and Sink: bytes from somewhere, bytes to somewhere. Hashing, counting, limiting, (de)compressing are
// adaptors that compose; a pipeline is built from the inside out and owns what it wraps only where the type
// says unique_ptr.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace ecrin {

class Source {
public:
  virtual ~Source() = default;
  /// Fills some of the buffer; 0 means the end (and again on every later call).
  virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;
};

class Sink {
public:
  virtual ~Sink() = default;
  virtual Result<> write(std::span<const std::byte> bytes) = 0;
  /// Flushes what is held back (compressors, buffers). Called once, after the last write; adaptors pass it
  /// on.
  virtual Result<> finish() { return {}; }
};

std::span<const std::byte> as_bytes(std::string_view text);

class FdSource final : public Source {
public:
  explicit FdSource(Fd fd) : m_fd(std::move(fd)) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
  Fd m_fd;
};

/// Writes through, without a buffer; `fd` must outlive it.
class FdSink final : public Sink {
public:
  explicit FdSink(const Fd& fd) : m_fd(fd) {}
  Result<> write(std::span<const std::byte> bytes) override;

private:
  const Fd& m_fd;
};

/// Collects writes into blocks of `capacity` bytes for `next`.
class BufferedSink final : public Sink {
public:
  explicit BufferedSink(Sink& next, std::size_t capacity = 256 * 1024);
  Result<> write(std::span<const std::byte> bytes) override;
  Result<> finish() override;

private:
  Result<> flush();
  Sink& m_next;
  std::size_t m_capacity;
  std::string m_buffer;
};

class MemorySource final : public Source {
public:
  explicit MemorySource(std::string bytes) : m_bytes(std::move(bytes)) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
  std::string m_bytes;
  std::size_t m_position = 0;
};

class StringSink final : public Sink {
public:
  Result<> write(std::span<const std::byte> bytes) override;
  std::string& bytes() { return m_bytes; }

private:
  std::string m_bytes;
};

class NullSink final : public Sink {
public:
  Result<> write(std::span<const std::byte>) override { return {}; }
};

class CountingSink final : public Sink {
public:
  explicit CountingSink(Sink& next) : m_next(next) {}
  Result<> write(std::span<const std::byte> bytes) override;
  Result<> finish() override { return m_next.finish(); }
  std::uint64_t count() const { return m_count; }

private:
  Sink& m_next;
  std::uint64_t m_count = 0;
};

/// Writes everything to both.
class TeeSink final : public Sink {
public:
  TeeSink(Sink& first, Sink& second) : m_first(first), m_second(second) {}
  Result<> write(std::span<const std::byte> bytes) override;
  Result<> finish() override;

private:
  Sink& m_first;
  Sink& m_second;
};

/// Lends a source to an adaptor that owns what it reads; `source` must outlive it.
class BorrowedSource final : public Source {
public:
  explicit BorrowedSource(Source& source) : m_source(source) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override { return m_source.read(buffer); }

private:
  Source& m_source;
};

class CountingSource final : public Source {
public:
  explicit CountingSource(std::unique_ptr<Source> source) : m_source(std::move(source)) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  std::uint64_t count() const { return m_count; }

private:
  std::unique_ptr<Source> m_source;
  std::uint64_t m_count = 0;
};

/// Fails with ErrorKind::limit when `source` has more than `limit` bytes. `what` names it in the message.
class LimitSource final : public Source {
public:
  LimitSource(std::unique_ptr<Source> source, std::uint64_t limit, std::string what);
  Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
  std::unique_ptr<Source> m_source;
  std::uint64_t m_left;
  std::uint64_t m_limit;
  std::string m_what;
};

/// Copies to the end; returns the number of bytes. Does not call finish().
Result<std::uint64_t> copy_stream(Source& source, Sink& sink);
/// Everything, at most `limit` bytes (ErrorKind::limit beyond).
Result<std::string> read_all(Source& source, std::uint64_t limit);

}  // namespace ecrin
