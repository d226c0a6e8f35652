// How the file of a LayerIndex is built: between its reader and its writer.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace ecrin::fs {

// The numbers in it are those of the machine: an index never leaves it.
constexpr std::uint64_t k_index_magic = 0x31786469'6e726365;  // also tells the byte order
constexpr std::uint32_t k_index_version = 1;
constexpr std::uint64_t k_no_block = ~std::uint64_t{0};

/// Before the records of a directory; behind those its text, then zeros up to a multiple of 8.
struct IndexBlock {
  std::uint64_t checksum;  // of all that follows in the block
  std::uint32_t count;
  std::uint32_t text_size;
};
static_assert(sizeof(IndexBlock) == 16);

struct IndexTrailer {
  enum Flag : std::uint32_t { has_xattrs = 1, has_acls = 2 };
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t flags;
  std::uint64_t entries;  // without the layer's top directory
  std::uint64_t inodes;   // with it
  std::uint64_t root;     // where the block with its record is
  std::uint64_t size;     // of the file
  std::uint64_t reserved;
  std::uint64_t checksum;  // of all before
};
static_assert(sizeof(IndexTrailer) == 64);

/// An attribute in the text of a block: this, its name, its value; one after the other.
struct IndexXattr {
  std::uint32_t name_length;
  std::uint32_t value_length;
};

/// Tells torn files, not forged ones. All parts are multiples of 8 bytes.
class IndexChecksum {
public:
  explicit IndexChecksum(std::uint64_t size) : m_sum(0x9e3779b97f4a7c15 ^ size) {}
  void update(std::string_view bytes) {
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), 8);
      m_sum = (m_sum ^ word) * 0xff51afd7ed558ccd;
      m_sum ^= m_sum >> 32;
    }
  }
  std::uint64_t value() const { return m_sum; }

private:
  std::uint64_t m_sum;
};

inline std::uint64_t index_checksum(std::string_view bytes) {
  IndexChecksum sum(bytes.size());
  sum.update(bytes);
  return sum.value();
}

constexpr std::uint64_t padded(std::uint64_t size) {
  return (size + 7) & ~std::uint64_t{7};
}

}  // namespace ecrin::fs
