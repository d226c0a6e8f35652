// gzip: read with ISA-L (faster by half than zlib), written with zlib (its bytes do not depend on the
// processor).
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <vector>

#include "base/compression_internal.hpp"

namespace ecrin {
namespace {

class GzipSource final : public Source {
public:
  explicit GzipSource(std::unique_ptr<Source> source)
      : m_source(std::move(source)),
        m_state(std::make_unique<inflate_state>()),
        m_input(k_compression_block) {
    start_member();
  }

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (m_ended || buffer.empty()) return 0u;
    m_state->next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
    const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(buffer.size(), 1u << 30));
    m_state->avail_out = wanted;
    for (;;) {
      if (m_state->block_state == ISAL_BLOCK_FINISH) {
        if (m_state->avail_out < wanted) return wanted - m_state->avail_out;
        if (TRY(next_member()) == Next::end) {
          m_ended = true;
          return 0u;
        }
      }
      if (m_state->avail_in == 0 && TRY(fill()) == 0) {
        // Inflating once more with nothing gives what is still held back.
        if (m_drained) return fail(ErrorKind::invalid, "the gzip stream is truncated");
        m_drained = true;
      }
      const int result = ::isal_inflate(m_state.get());
      if (result < 0) return fail(ErrorKind::invalid, "the gzip stream is damaged: {}", describe(result));
      if (result > ISAL_OUT_OVERFLOW)
        return fail(ErrorKind::invalid, "the gzip stream is damaged: bad header");
      if (m_state->avail_out < wanted) {
        m_drained = false;
        return wanted - m_state->avail_out;
      }
    }
  }

private:
  enum class Next { member, end };

  static std::string_view describe(int result) {
    switch (result) {
      case ISAL_INVALID_WRAPPER:
        return "bad header";
      case ISAL_UNSUPPORTED_METHOD:
        return "unknown method";
      case ISAL_INCORRECT_CHECKSUM:
        return "wrong checksum";
      default:
        return "bad data";
    }
  }

  void start_member() {
    std::uint8_t* const next_in = m_state->next_in;
    const std::uint32_t avail_in = m_state->avail_in;
    std::uint8_t* const next_out = m_state->next_out;
    const std::uint32_t avail_out = m_state->avail_out;
    ::isal_inflate_init(m_state.get());
    m_state->crc_flag = ISAL_GZIP;
    m_state->next_in = next_in;
    m_state->avail_in = avail_in;
    m_state->next_out = next_out;
    m_state->avail_out = avail_out;
  }

  Result<std::size_t> fill() {
    const std::size_t count = TRY(m_source->read(m_input));
    m_state->next_in = reinterpret_cast<std::uint8_t*>(m_input.data());
    m_state->avail_in = static_cast<std::uint32_t>(count);
    return count;
  }

  // What follows a member: another one, zeros up to the end (tapes and some tools pad with them), or the end.
  Result<Next> next_member() {
    bool padded = false;
    for (;;) {
      if (m_state->avail_in == 0 && TRY(fill()) == 0) return Next::end;
      const std::uint8_t* const begin = m_state->next_in;
      const std::uint8_t* const end = begin + m_state->avail_in;
      const std::uint8_t* const data = std::find_if(begin, end, [](std::uint8_t byte) { return byte != 0; });
      padded = padded || data != begin;
      if (data != end) {
        if (padded || *data != 0x1f)
          return fail(ErrorKind::invalid, "there is garbage after the gzip stream");
        start_member();
        return Next::member;
      }
      m_state->avail_in = 0;
    }
  }

  std::unique_ptr<Source> m_source;
  std::unique_ptr<inflate_state> m_state;
  std::vector<std::byte> m_input;
  bool m_drained = false;
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
