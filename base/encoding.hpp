// An unambiguous, length-framed binary encoding of plain values: for cache keys (hashed, never parsed) and
// for messages between our own processes (parsed with checks). Integers are 8 bytes little endian; a string
// is its length and its bytes; a list is its count and its items. No two different sequences of put() have
// equal bytes as long as the reader knows the types in order, which a version number at the front guarantees.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin {

class Encoder {
public:
  Encoder& put(std::uint64_t value);
  Encoder& put(std::string_view bytes);
  Encoder& put(const char* text) { return put(std::string_view(text)); }
  Encoder& put(const std::vector<std::string>& items);
  Encoder& put_flag(bool value) { return put(std::uint64_t{value}); }
  /// What another one holds, as if it had been put here.
  Encoder& append(const Encoder& more);
  const std::string& bytes() const { return m_bytes; }

private:
  std::string m_bytes;
};

/// Reads what Encoder wrote. Any mismatch makes the decoder fail: check `ok()` once at the end; until then
/// the getters return zero values. Counts and lengths are checked against what is left, so no input allocates
/// more than its own size.
class Decoder {
public:
  explicit Decoder(std::string_view bytes) : m_rest(bytes) {}
  std::uint64_t get_unsigned();
  std::string get_string() { return std::string(get_view()); }
  /// A string where it stands.
  std::string_view get_view();
  std::vector<std::string> get_strings();
  bool get_flag() { return get_unsigned() != 0; }
  /// A count of items that each take at least `minimum_size` bytes.
  std::uint64_t get_count(std::size_t minimum_size = 8);
  bool ok() const { return m_ok; }
  bool at_end() const { return m_rest.empty(); }
  std::size_t left() const { return m_rest.size(); }

private:
  std::string_view m_rest;
  bool m_ok = true;
};

}  // namespace ecrin
