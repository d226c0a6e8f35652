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

class GzipSink final : public Sink {
public:
  GzipSink(int level, Sink& next) : m_next(next), m_output(k_compression_block) {
    m_input.reserve(k_compression_block);
    // No time and no system in the header: they would tell more about the writer than about the data.
    m_header.os = 255;
    m_ready = ::deflateInit2(&m_stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
              ::deflateSetHeader(&m_stream, &m_header) == Z_OK;
  }
  GzipSink(const GzipSink&) = delete;
  GzipSink& operator=(const GzipSink&) = delete;
  ~GzipSink() override { ::deflateEnd(&m_stream); }

  bool ready() const { return m_ready; }

  Result<> write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const std::size_t size = std::min(k_compression_block - m_input.size(), bytes.size());
      m_input.insert(m_input.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      bytes = bytes.subspan(size);
      if (m_input.size() == k_compression_block) TRY(deflate_block(Z_NO_FLUSH));
    }
    return {};
  }

  Result<> finish() override {
    TRY(deflate_block(Z_FINISH));
    return m_next.finish();
  }

private:
  Result<> deflate_block(int flush) {
    m_stream.next_in = reinterpret_cast<Bytef*>(m_input.data());
    m_stream.avail_in = static_cast<uInt>(m_input.size());
    for (;;) {
      m_stream.next_out = reinterpret_cast<Bytef*>(m_output.data());
      m_stream.avail_out = static_cast<uInt>(m_output.size());
      const int result = ::deflate(&m_stream, flush);
      if (result == Z_STREAM_ERROR) return fail(ErrorKind::system, "cannot compress with gzip");
      const std::size_t size = m_output.size() - m_stream.avail_out;
      if (size > 0) TRY(m_next.write(std::span<const std::byte>(m_output).first(size)));
      if (flush == Z_FINISH ? result == Z_STREAM_END : m_stream.avail_in == 0 && m_stream.avail_out > 0)
        break;
    }
    m_input.clear();
    return {};
  }

  Sink& m_next;
  z_stream m_stream = {};
  gz_header m_header = {};
  std::vector<std::byte> m_input;
  std::vector<std::byte> m_output;
  bool m_ready = false;
};

}  // namespace

Result<std::unique_ptr<Source>> make_gzip_source(std::unique_ptr<Source> source) {
  return std::make_unique<GzipSource>(std::move(source));
}

Result<std::unique_ptr<Sink>> make_gzip_sink(int level, Sink& next) {
  auto sink = std::make_unique<GzipSink>(level, next);
  if (!sink->ready()) return fail(ErrorKind::system, "cannot start compressing with gzip");
  return sink;
}

}  // namespace ecrin
