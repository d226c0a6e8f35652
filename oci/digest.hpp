// Digest: "algorithm:hex" by the strict grammar of image-spec descriptor.md (sha256 with 64 and sha512 with
// 128 lower-case hex digits), so that a digest can be used as a file name. DiffId (of an uncompressed layer),
// ChainId (of a stack of layers) and ImageId (of an image config) are types of their own.
#pragma once

#include <compare>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/hash.hpp"

namespace ecrin::oci {

class Digest {
public:
  Digest() = default;  // empty; only for members that are set later
  static Result<Digest> parse(std::string_view text);
  static Digest sha256(std::string_view hex);  // hex made by our own Hasher
  static Digest of(std::string_view bytes);

  HashAlgorithm algorithm() const;
  std::string algorithm_name() const;  // "sha256"
  std::string hex() const;
  const std::string& to_string() const { return m_text; }
  bool empty() const { return m_text.empty(); }
  auto operator<=>(const Digest&) const = default;

private:
  explicit Digest(std::string text) : m_text(std::move(text)) {}
  std::string m_text;
};

struct DiffId {
  Digest digest;
  auto operator<=>(const DiffId&) const = default;
};
struct ChainId {
  Digest digest;
  auto operator<=>(const ChainId&) const = default;
};
struct ImageId {
  Digest digest;
  auto operator<=>(const ImageId&) const = default;
};

/// image-spec config.md: ChainID(L0) = DiffID(L0); ChainID(L0|..|Ln) = Digest(ChainID(L0|..|Ln-1) + " " +
/// DiffID(Ln)).
ChainId chain_id(std::span<const DiffId> diff_ids);

}  // namespace ecrin::oci
