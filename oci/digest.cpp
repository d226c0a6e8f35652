#include "oci/digest.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace ecrin::oci {

namespace {

constexpr std::string_view k_sha256 = "sha256:";
constexpr std::string_view k_sha512 = "sha512:";

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  const bool sha256 = text.starts_with(k_sha256);
  if (!sha256 && !text.starts_with(k_sha512))
    return fail(ErrorKind::invalid,
                "invalid digest '{}': it must start with sha256: or sha512:", printable(text, 200));
  const std::string_view hex = text.substr(k_sha256.size());
  const std::size_t digits = sha256 ? 64 : 128;
  // A digest becomes a file name, so nothing but the exact number of lower-case digits may pass.
  if (hex.size() != digits || !is_lower_hex(hex))
    return fail(ErrorKind::invalid, "invalid digest '{}': {} takes {} lower-case hexadecimal digits",
                printable(text, 200), sha256 ? "sha256" : "sha512", digits);
  return Digest(std::string(text));
}

Digest Digest::sha256(std::string_view hex) {
  return Digest(std::string(k_sha256).append(hex));
}

Digest Digest::of(std::string_view bytes) {
  return sha256(sha256_hex(bytes));
}

HashAlgorithm Digest::algorithm() const {
  return m_text.starts_with(k_sha512) ? HashAlgorithm::sha512 : HashAlgorithm::sha256;
}

std::string Digest::algorithm_name() const {
  return algorithm() == HashAlgorithm::sha512 ? "sha512" : "sha256";
}

std::string Digest::hex() const {
  return m_text.empty() ? std::string() : m_text.substr(k_sha256.size());
}

ChainId chain_id(std::span<const DiffId> diff_ids) {
  ChainId chain;
  for (const DiffId& diff_id : diff_ids)
    chain.digest = chain.digest.empty()
                       ? diff_id.digest
                       : Digest::of(chain.digest.to_string() + " " + diff_id.digest.to_string());
  return chain;
}

}  // namespace ecrin::oci
