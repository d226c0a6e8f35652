#include "base/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <cstdlib>

namespace ecrin {
namespace {

const EVP_MD* fetch(const char* name) {
#ifdef ECRIN_LINK_IN
  // Nobody else uses this copy of the library: its configuration and lists of names, which every process
  // would read and make, are about what we do not need.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                          OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
                      nullptr);
#endif
  return EVP_MD_fetch(nullptr, name, nullptr);
}

// Fetched once a process: looking an algorithm up costs more than hashing a small file.
const EVP_MD* algorithm_of(HashAlgorithm algorithm) {
  if (algorithm == HashAlgorithm::sha512) {
    static const EVP_MD* const sha512 = fetch("SHA512");
    return sha512;
  }
  static const EVP_MD* const sha256 = fetch("SHA256");
  return sha256;
}

// Fails only when OpenSSL is broken or memory is gone; going on would give a wrong digest.
void require(bool condition) {
  if (!condition) std::abort();
}

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

struct Hasher::State {
  const EVP_MD* algorithm;
  std::unique_ptr<EVP_MD_CTX, ContextDeleter> context;

  void start() { require(EVP_DigestInit_ex2(context.get(), algorithm, nullptr) == 1); }
};

Hasher::Hasher(HashAlgorithm algorithm) : m_state(std::make_unique<State>()) {
  m_state->algorithm = algorithm_of(algorithm);
  m_state->context.reset(EVP_MD_CTX_new());
  require(m_state->algorithm != nullptr && m_state->context != nullptr);
  m_state->start();
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(m_state->context.get(), bytes.data(), bytes.size()) == 1);
}

void Hasher::update(std::string_view bytes) {
  update(as_bytes(bytes));
}

std::string Hasher::finish_hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  require(EVP_DigestFinal_ex(m_state->context.get(), digest.data(), &size) == 1);
  m_state->start();
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * std::size_t{size});
  for (unsigned i = 0; i < size; ++i) {
    hex += k_digits[digest[i] >> 4];
    hex += k_digits[digest[i] & 0xf];
  }
  return hex;
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
