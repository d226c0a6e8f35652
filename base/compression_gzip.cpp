// gzip: read with ISA-L (faster by half than zlib), written with zlib (its bytes do not depend on the
// processor).
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <vector>

#include "base/compression_internal.hpp"

namespace ecrin {
namespace {

// The header of a member (RFC 1952), which may be cut anywhere. Its own small machine, because ISA-L's reader
// loses its place when a header arrives in pieces.
class GzipHeader {
public:
  enum class State { going_on, done, bad };

  State take(std::uint8_t byte) {
    switch (m_part) {
      case Part::fixed:
        return take_fixed(byte);
      case Part::extra_length:
        m_left |= std::uint32_t{byte} << (8 * m_position++);
        return m_position < 2 ? State::going_on : enter(m_left > 0 ? Part::extra : Part::name);
      case Part::extra:
        return --m_left > 0 ? State::going_on : enter(Part::name);
      case Part::name:
        return byte != 0 ? State::going_on : enter(Part::comment);
      case Part::comment:
        return byte != 0 ? State::going_on : enter(Part::checksum);
      case Part::checksum:
        return ++m_position < 2 ? State::going_on : State::done;
    }
    return State::bad;
  }
  bool started() const { return m_part != Part::fixed || m_position > 0; }

private:
  enum class Part { fixed, extra_length, extra, name, comment, checksum };
  static constexpr unsigned k_checksum = 2;
  static constexpr unsigned k_extra = 4;
  static constexpr unsigned k_name = 8;
  static constexpr unsigned k_comment = 16;

  State take_fixed(std::uint8_t byte) {
    constexpr std::uint8_t k_start[] = {0x1f, 0x8b, Z_DEFLATED};
    if (m_position < 3 && byte != k_start[m_position]) return State::bad;
    if (m_position == 3) m_flags = byte;
    if (m_position == 3 && (m_flags & 0xe0) != 0) return State::bad;
    return ++m_position < 10 ? State::going_on : enter(Part::extra_length);
  }
  // The first part from `part` on that this header has.
  State enter(Part part) {
    m_position = 0;
    if (part == Part::extra_length && (m_flags & k_extra) == 0) part = Part::name;
    if (part == Part::name && (m_flags & k_name) == 0) part = Part::comment;
    if (part == Part::comment && (m_flags & k_comment) == 0) part = Part::checksum;
    if (part == Part::checksum && (m_flags & k_checksum) == 0) return State::done;
    m_part = part;
    return State::going_on;
  }

  Part m_part = Part::fixed;
  unsigned m_position = 0;  // in the part
  unsigned m_flags = 0;
  std::uint32_t m_left = 0;  // of the extra field
};

class GzipSource final : public Source {
public:
  explicit GzipSource(std::unique_ptr<Source> source)
      : m_source(std::move(source)),
        m_state(std::make_unique<inflate_state>()),
        m_input(k_compression_block) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (m_ended || buffer.empty()) return 0u;
    const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(buffer.size(), 1u << 30));
    for (;;) {
      if (!m_in_member) {
        if (TRY(next_member()) == Next::end) {
          m_ended = true;
          return 0u;
        }
        continue;
      }
      if (m_state->avail_in == 0 && TRY(fill()) == 0) {
        // Inflating once more with nothing gives what is still held back.
        if (m_drained) return truncated();
        m_drained = true;
      }
      m_state->next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
      m_state->avail_out = wanted;
      const int result = ::isal_inflate(m_state.get());
      if (result == ISAL_INCORRECT_CHECKSUM) {
        return fail(ErrorKind::invalid, "the gzip stream is damaged: wrong checksum");
      }
      if (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT && result != ISAL_OUT_OVERFLOW) {
        return fail(ErrorKind::invalid, "the gzip stream is damaged: bad data");
      }
      m_in_member = m_state->block_state != ISAL_BLOCK_FINISH;
      if (m_state->avail_out < wanted) {
        m_drained = false;
        return wanted - m_state->avail_out;
      }
    }
  }

private:
  enum class Next { member, end };

  static std::unexpected<Error> truncated() {
    return fail(ErrorKind::invalid, "the gzip stream is truncated");
  }

  Result<std::size_t> fill() {
    const std::size_t count = TRY(m_source->read(m_input));
    m_state->next_in = reinterpret_cast<std::uint8_t*>(m_input.data());
    m_state->avail_in = static_cast<std::uint32_t>(count);
    return count;
  }

  // Reads up to the data of the next member. After the first one, zeros may come up to the end (tapes and
  // some tools pad with them), or the end.
  Result<Next> next_member() {
    GzipHeader header;
    bool padding = false;
    for (;;) {
      if (m_state->avail_in == 0 && TRY(fill()) == 0) {
        if (header.started() || !m_any) return truncated();
        return Next::end;
      }
      const std::uint8_t byte = *m_state->next_in++;
      --m_state->avail_in;
      if (m_any && !header.started() && byte == 0) {
        padding = true;
        continue;
      }
      const auto state = padding ? GzipHeader::State::bad : header.take(byte);
      if (state == GzipHeader::State::bad) {
        return fail(
            ErrorKind::invalid, "{}",
            m_any ? "there is garbage after the gzip stream" : "the gzip stream is damaged: bad header");
      }
      if (state == GzipHeader::State::done) break;
    }
    std::uint8_t* const next_in = m_state->next_in;
    const std::uint32_t avail_in = m_state->avail_in;
    ::isal_inflate_init(m_state.get());
    m_state->crc_flag = ISAL_GZIP_NO_HDR_VER;  // the trailer is read and checked
    m_state->next_in = next_in;
    m_state->avail_in = avail_in;
    m_in_member = true;
    m_any = true;
    m_drained = false;
    return Next::member;
  }

  std::unique_ptr<Source> m_source;
  std::unique_ptr<inflate_state> m_state;
  std::vector<std::byte> m_input;
  bool m_in_member = false;
  bool m_any = false;      // a member was begun
  bool m_drained = false;  // the input is at its end
  bool m_ended = false;
};

struct Deflater {
  Deflater() = default;
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { ::deflateEnd(&stream); }
  z_stream stream = {};
};

// One member. Blocks end at a byte's border (Z_SYNC_FLUSH) and may refer back to what was before them, which
// the reader has in its window. That is how the blocks of one deflate stream can be made one by one.
class GzipFormat final : public BlockFormat {
public:
  explicit GzipFormat(int level) : m_level(level) {}

  std::size_t block_size() const override { return 512u * 1024; }
  std::size_t window_size() const override { return 32u * 1024; }
  // No time and no system: they would tell more about the writer than about the data.
  std::string header() const override { return {"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10}; }

  Result<PackedBlock> pack(std::string_view before, std::string_view block, Last last) const override {
    Deflater deflater;
    z_stream& stream = deflater.stream;
    if (::deflateInit2(&stream, m_level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        (!before.empty() && ::deflateSetDictionary(&stream, bytes_of(before), size_of(before)) != Z_OK))
      return fail(ErrorKind::system, "cannot start compressing with gzip");
    PackedBlock packed;
    packed.checksum = static_cast<std::uint32_t>(::crc32_z(0, bytes_of(block), block.size()));
    // Beside deflateBound(), the flush needs a few bytes.
    packed.bytes.resize(::deflateBound(&stream, block.size()) + 64);
    stream.next_in = const_cast<Bytef*>(bytes_of(block));
    stream.avail_in = size_of(block);
    stream.next_out = reinterpret_cast<Bytef*>(packed.bytes.data());
    stream.avail_out = static_cast<uInt>(packed.bytes.size());
    const int result = ::deflate(&stream, last == Last::yes ? Z_FINISH : Z_SYNC_FLUSH);
    if (result != (last == Last::yes ? Z_STREAM_END : Z_OK) || stream.avail_in != 0 || stream.avail_out == 0)
      return fail(ErrorKind::system, "cannot compress with gzip");
    packed.bytes.resize(packed.bytes.size() - stream.avail_out);
    return packed;
  }

  std::uint32_t combine(std::uint32_t first, std::uint32_t second, std::uint64_t size) const override {
    return static_cast<std::uint32_t>(::crc32_combine(first, second, static_cast<z_off_t>(size)));
  }

  std::string trailer(std::uint32_t checksum, std::uint64_t size) const override {
    std::string text;
    for (const std::uint64_t value : {std::uint64_t{checksum}, size})
      for (unsigned i = 0; i < 4; ++i) text += static_cast<char>((value >> (8 * i)) & 0xff);
    return text;
  }

private:
  static const Bytef* bytes_of(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }
  static uInt size_of(std::string_view text) { return static_cast<uInt>(text.size()); }
  int m_level;
};

}  // namespace

Result<std::unique_ptr<Source>> make_gzip_source(std::unique_ptr<Source> source) {
  TRY(load_isal());
  return std::make_unique<GzipSource>(std::move(source));
}

std::shared_ptr<const BlockFormat> make_gzip_format(int level) {
  return std::make_shared<GzipFormat>(level);
}

}  // namespace ecrin
