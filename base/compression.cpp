#include "base/compression.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/compression_internal.hpp"

namespace ecrin {
namespace {

// Puts bytes that were looked at in front of the rest again.
class PrefixedSource final : public Source {
public:
  PrefixedSource(std::string prefix, std::unique_ptr<Source> rest)
      : m_prefix(std::move(prefix)), m_rest(std::move(rest)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (m_position == m_prefix.size()) return m_rest->read(buffer);
    const std::size_t size = std::min(buffer.size(), m_prefix.size() - m_position);
    std::memcpy(buffer.data(), m_prefix.data() + m_position, size);
    m_position += size;
    return size;
  }

private:
  std::string m_prefix;
  std::size_t m_position = 0;
  std::unique_ptr<Source> m_rest;
};

class PassingSink final : public Sink {
public:
  explicit PassingSink(Sink& next) : m_next(next) {}
  Result<> write(std::span<const std::byte> bytes) override { return m_next.write(bytes); }
  Result<> finish() override { return m_next.finish(); }

private:
  Sink& m_next;
};

std::string_view name_of(Compression compression) {
  return compression == Compression::bzip2 ? "bzip2" : "xz";
}

}  // namespace

Compression detect_compression(std::span<const std::byte> head) {
  const auto starts_with = [&](std::initializer_list<unsigned char> magic) {
    return head.size() >= magic.size() &&
           std::ranges::equal(head.first(magic.size()), magic, [](std::byte a, unsigned char b) {
             return std::to_integer<unsigned char>(a) == b;
           });
  };
  if (starts_with({0x1f, 0x8b, 0x08})) return Compression::gzip;
  if (starts_with({0x28, 0xb5, 0x2f, 0xfd})) return Compression::zstd;
  // A skippable frame: the magic number's first byte is 0x50 to 0x5f.
  if (head.size() >= 4 && (std::to_integer<unsigned>(head[0]) & 0xf0) == 0x50 &&
      std::ranges::equal(head.subspan(1, 3), std::array{std::byte{0x2a}, std::byte{0x4d}, std::byte{0x18}})) {
    return Compression::zstd;
  }
  if (starts_with({'B', 'Z', 'h'}) && head.size() >= 4 && head[3] >= std::byte{'1'} &&
      head[3] <= std::byte{'9'}) {
    return Compression::bzip2;
  }
  if (starts_with({0xfd, '7', 'z', 'X', 'Z', 0x00})) return Compression::xz;
  return Compression::none;
}

Result<std::unique_ptr<Source>> decompress(Compression compression, std::unique_ptr<Source> source) {
  switch (compression) {
    case Compression::none:
      return source;
    case Compression::gzip:
      return make_gzip_source(std::move(source));
    case Compression::zstd:
      return make_zstd_source(std::move(source));
    case Compression::bzip2:
      return make_bzip2_source(std::move(source));
    case Compression::xz:
      return make_xz_source(std::move(source));
  }
  return fail(ErrorKind::unsupported, "this compression is not known");
}

Result<std::unique_ptr<Source>> decompress_any(std::unique_ptr<Source> source, Compression* found) {
  std::array<std::byte, 6> head;
  std::size_t size = 0;
  while (size < head.size()) {
    const std::size_t count = TRY(source->read(std::span(head).subspan(size)));
    if (count == 0) break;
    size += count;
  }
  const Compression compression = detect_compression(std::span(head).first(size));
  if (found != nullptr) *found = compression;
  return decompress(compression,
                    std::make_unique<PrefixedSource>(
                        std::string(reinterpret_cast<const char*>(head.data()), size), std::move(source)));
}

Result<> check_level(Compression compression, std::optional<int> level) {
  switch (compression) {
    case Compression::none:
      if (level)
        return fail(ErrorKind::invalid, "without compression there is no level ({} is given)", *level);
      return {};
    case Compression::gzip:
      if (level && (*level < 0 || *level > 9))
        return fail(ErrorKind::invalid, "{} is not a level of gzip (0 to 9)", *level);
      return {};
    case Compression::zstd:
      if (level && (*level < 1 || *level > 22))
        return fail(ErrorKind::invalid, "{} is not a level of zstd (1 to 22)", *level);
      return {};
    case Compression::bzip2:
    case Compression::xz:
      break;
  }
  return fail(ErrorKind::unsupported, "{} compression cannot be written", name_of(compression));
}

std::uint64_t expansion_limit(std::uint64_t compressed_size) {
  constexpr std::uint64_t k_base = 1ull << 30;
  constexpr std::uint64_t k_ratio = 200;  // gzip reaches 1032, on nothing but zeros
  return compressed_size > (1ull << 50) ? UINT64_MAX : k_base + k_ratio * compressed_size;
}

Result<std::unique_ptr<Sink>> compress(Compression compression, std::optional<int> level, Sink& next,
                                       std::size_t threads) {
  TRY(check_level(compression, level));
  if (compression == Compression::none) return std::make_unique<PassingSink>(next);
  const std::shared_ptr<const BlockFormat> format = compression == Compression::gzip
                                                        ? make_gzip_format(level.value_or(4))
                                                        : make_zstd_format(level.value_or(3));
  return make_block_sink(format, next, threads);
}

}  // namespace ecrin
