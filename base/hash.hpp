// SHA-256 and SHA-512 of streams. The only place that knows OpenSSL.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/stream.hpp"

namespace ecrin {

enum class HashAlgorithm { sha256, sha512 };

class Hasher {
public:
  explicit Hasher(HashAlgorithm algorithm = HashAlgorithm::sha256);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(std::span<const std::byte> bytes);
  void update(std::string_view bytes);
  /// The digest as lower-case hex. Ends the hash; a later update starts a new one.
  std::string finish_hex();

private:
  struct State;
  std::unique_ptr<State> m_state;
};

std::string sha256_hex(std::string_view bytes);

/// Hashes and counts what is read through it; both must outlive it.
class HashingSource final : public Source {
public:
  HashingSource(std::unique_ptr<Source> source, Hasher& hasher, std::uint64_t& count)
      : m_source(std::move(source)), m_hasher(hasher), m_count(count) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;

private:
  std::unique_ptr<Source> m_source;
  Hasher& m_hasher;
  std::uint64_t& m_count;
};

/// Hashes and counts what passes through to `next` (nullptr: only hashes).
class HashingSink final : public Sink {
public:
  explicit HashingSink(Sink* next, HashAlgorithm algorithm = HashAlgorithm::sha256)
      : m_next(next), m_hasher(algorithm) {}
  Result<> write(std::span<const std::byte> bytes) override;
  Result<> finish() override { return m_next ? m_next->finish() : Result<>{}; }
  std::string finish_hex() { return m_hasher.finish_hex(); }
  std::uint64_t count() const { return m_count; }

private:
  Sink* m_next;
  Hasher m_hasher;
  std::uint64_t m_count = 0;
};

/// Hashes and counts what is read through it.
class HashingSource final : public Source {
public:
  explicit HashingSource(std::unique_ptr<Source> source, HashAlgorithm algorithm = HashAlgorithm::sha256)
      : m_source(std::move(source)), m_hasher(algorithm) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  std::string finish_hex() { return m_hasher.finish_hex(); }
  std::uint64_t count() const { return m_count; }

private:
  std::unique_ptr<Source> m_source;
  Hasher m_hasher;
  std::uint64_t m_count = 0;
};

}  // namespace ecrin
