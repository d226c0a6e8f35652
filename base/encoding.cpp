#include "base/encoding.hpp"

namespace ecrin {
namespace {

constexpr std::size_t k_integer_size = 8;

}  // namespace

Encoder& Encoder::put(std::uint64_t value) {
  char bytes[k_integer_size];
  for (std::size_t i = 0; i < k_integer_size; ++i) bytes[i] = static_cast<char>((value >> (8 * i)) & 0xff);
  m_bytes.append(bytes, k_integer_size);
  return *this;
}

Encoder& Encoder::append(const Encoder& more) {
  m_bytes += more.m_bytes;
  return *this;
}

Encoder& Encoder::put(std::string_view bytes) {
  put(std::uint64_t{bytes.size()});
  m_bytes += bytes;
  return *this;
}

Encoder& Encoder::put(const std::vector<std::string>& items) {
  put(std::uint64_t{items.size()});
  for (const auto& item : items) put(std::string_view(item));
  return *this;
}

std::uint64_t Decoder::get_unsigned() {
  if (m_rest.size() < k_integer_size) {
    m_ok = false;
    m_rest = {};
    return 0;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < k_integer_size; ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(m_rest[i])} << (8 * i);
  }
  m_rest.remove_prefix(k_integer_size);
  return value;
}

std::uint64_t Decoder::get_count(std::size_t minimum_size) {
  const std::uint64_t count = get_unsigned();
  // Items of no size would let eight bytes ask for 2^64 of them.
  const std::size_t size = minimum_size == 0 ? 1 : minimum_size;
  if (count > m_rest.size() / size) {
    m_ok = false;
    m_rest = {};
    return 0;
  }
  return count;
}

std::string_view Decoder::get_view() {
  const auto length = static_cast<std::size_t>(get_count(1));
  const std::string_view bytes = m_rest.substr(0, length);
  m_rest.remove_prefix(length);
  return bytes;
}

std::vector<std::string> Decoder::get_strings() {
  const std::uint64_t count = get_count(k_integer_size);
  std::vector<std::string> items;
  for (std::uint64_t i = 0; i < count && m_ok; ++i) items.push_back(get_string());
  if (!m_ok) items.clear();
  return items;
}

}  // namespace ecrin
