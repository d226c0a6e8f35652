#include "base/hash.hpp"

// Those of its functions that are one algorithm and nothing else. The general ones bring tables and names of
// all that the library can with them, in every start of the program; deprecated are these for what is chosen
// at run time, by name.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <cstdlib>
#include <variant>

namespace ecrin {
namespace {

// Fails only when OpenSSL is broken; going on would give a wrong digest.
void require(int outcome) {
  if (outcome != 1) std::abort();
}

struct Sha256 {
  SHA256_CTX context;
  static constexpr std::size_t k_size = SHA256_DIGEST_LENGTH;
  Sha256() { require(SHA256_Init(&context)); }
  void update(const void* bytes, std::size_t size) { require(SHA256_Update(&context, bytes, size)); }
  void finish(unsigned char* digest) { require(SHA256_Final(digest, &context)); }
};

struct Sha512 {
  SHA512_CTX context;
  static constexpr std::size_t k_size = SHA512_DIGEST_LENGTH;
  Sha512() { require(SHA512_Init(&context)); }
  void update(const void* bytes, std::size_t size) { require(SHA512_Update(&context, bytes, size)); }
  void finish(unsigned char* digest) { require(SHA512_Final(digest, &context)); }
};

template <class Hash>
std::string finish_and_restart(Hash& hash) {
  std::array<unsigned char, Hash::k_size> digest;
  hash.finish(digest.data());
  hash = Hash();
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    hex += k_digits[byte >> 4];
    hex += k_digits[byte & 0xf];
  }
  return hex;
}

}  // namespace

struct Hasher::State {
  std::variant<Sha256, Sha512> hash;
};

Hasher::Hasher(HashAlgorithm algorithm) : m_state(std::make_unique<State>()) {
  if (algorithm == HashAlgorithm::sha512) m_state->hash.emplace<Sha512>();
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> bytes) {
  std::visit([bytes](auto& hash) { hash.update(bytes.data(), bytes.size()); }, m_state->hash);
}

void Hasher::update(std::string_view bytes) {
  update(as_bytes(bytes));
}

std::string Hasher::finish_hex() {
  return std::visit([](auto& hash) { return finish_and_restart(hash); }, m_state->hash);
}

std::string sha256_hex(std::string_view bytes) {
  Hasher hasher;
  hasher.update(bytes);
  return hasher.finish_hex();
}

Result<> HashingSink::write(std::span<const std::byte> bytes) {
  m_hasher.update(bytes);
  m_count += bytes.size();
  return m_next != nullptr ? m_next->write(bytes) : Result<>{};
}

Result<std::size_t> HashingSource::read(std::span<std::byte> buffer) {
  const std::size_t count = TRY(m_source->read(buffer));
  m_hasher.update(std::span<const std::byte>(buffer.first(count)));
  m_count += count;
  return count;
}

}  // namespace ecrin
