// zstd, one thread, with a checksum.
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <vector>

#include "base/compression_internal.hpp"

namespace ecrin {
namespace {

// 128 MiB, what the zstd program accepts by default: a frame may ask for as much memory as its window.
constexpr int k_most_window_log = 27;

struct ReaderDeleter {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
struct WriterDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

class ZstdSource final : public Source {
public:
  ZstdSource(std::unique_ptr<Source> source, std::unique_ptr<ZSTD_DCtx, ReaderDeleter> context)
      : m_source(std::move(source)), m_context(std::move(context)), m_buffer(k_compression_block) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (m_ended || buffer.empty()) return 0u;
    ZSTD_outBuffer output = {.dst = buffer.data(), .size = buffer.size(), .pos = 0};
    while (output.pos == 0) {
      if (m_input.pos == m_input.size && !m_holds_output) {
        const std::size_t count = TRY(m_source->read(m_buffer));
        if (count == 0) {
          if (!m_any) return fail(ErrorKind::invalid, "the zstd stream is empty");
          if (!m_between_frames) return fail(ErrorKind::invalid, "the zstd stream is truncated");
          m_ended = true;
          return 0u;
        }
        m_input = {.src = m_buffer.data(), .size = count, .pos = 0};
      }
      const std::size_t result = ZSTD_decompressStream(m_context.get(), &output, &m_input);
      if (ZSTD_isError(result)) return std::unexpected(describe(result));
      m_any = true;
      m_between_frames = result == 0;
      // A full buffer may mean that there is more inside; asking again costs nothing.
      m_holds_output = output.pos == output.size && !m_between_frames;
    }
    return output.pos;
  }

private:
  Error describe(std::size_t result) const {
    switch (ZSTD_getErrorCode(result)) {
      case ZSTD_error_frameParameter_windowTooLarge:
        return Error(ErrorKind::limit, fmt::format("the zstd stream needs a window of more than {} MiB",
                                                   (1 << k_most_window_log) >> 20));
      case ZSTD_error_prefix_unknown:
        if (m_any && m_between_frames)
          return Error(ErrorKind::invalid, "there is garbage after the zstd stream");
        [[fallthrough]];
      default:
        return Error(ErrorKind::invalid,
                     fmt::format("the zstd stream is damaged: {}", ZSTD_getErrorName(result)));
    }
  }

  std::unique_ptr<Source> m_source;
  std::unique_ptr<ZSTD_DCtx, ReaderDeleter> m_context;
  std::vector<std::byte> m_buffer;
  ZSTD_inBuffer m_input = {};
  bool m_any = false;
  bool m_between_frames = false;
  bool m_holds_output = false;
  bool m_ended = false;
};

class ZstdSink final : public Sink {
public:
  ZstdSink(std::unique_ptr<ZSTD_CCtx, WriterDeleter> context, Sink& next)
      : m_next(next), m_context(std::move(context)), m_output(ZSTD_CStreamOutSize()) {
    m_input.reserve(k_compression_block);
  }

  Result<> write(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const std::size_t size = std::min(k_compression_block - m_input.size(), bytes.size());
      m_input.insert(m_input.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      bytes = bytes.subspan(size);
      if (m_input.size() == k_compression_block) TRY(compress_block(ZSTD_e_continue));
    }
    return {};
  }

  Result<> finish() override {
    TRY(compress_block(ZSTD_e_end));
    return m_next.finish();
  }

private:
  Result<> compress_block(ZSTD_EndDirective directive) {
    ZSTD_inBuffer input = {.src = m_input.data(), .size = m_input.size(), .pos = 0};
    for (;;) {
      ZSTD_outBuffer output = {.dst = m_output.data(), .size = m_output.size(), .pos = 0};
      const std::size_t left = ZSTD_compressStream2(m_context.get(), &output, &input, directive);
      if (ZSTD_isError(left))
        return fail(ErrorKind::system, "cannot compress with zstd: {}", ZSTD_getErrorName(left));
      if (output.pos > 0) TRY(m_next.write(std::span<const std::byte>(m_output).first(output.pos)));
      if (directive == ZSTD_e_end ? left == 0 : input.pos == input.size) break;
    }
    m_input.clear();
    return {};
  }

  Sink& m_next;
  std::unique_ptr<ZSTD_CCtx, WriterDeleter> m_context;
  std::vector<std::byte> m_input;
  std::vector<std::byte> m_output;
};

}  // namespace

Result<std::unique_ptr<Source>> make_zstd_source(std::unique_ptr<Source> source) {
  std::unique_ptr<ZSTD_DCtx, ReaderDeleter> context(ZSTD_createDCtx());
  if (!context ||
      ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, k_most_window_log))) {
    return fail(ErrorKind::system, "cannot start decompressing with zstd");
  }
  return std::make_unique<ZstdSource>(std::move(source), std::move(context));
}

Result<std::unique_ptr<Sink>> make_zstd_sink(int level, Sink& next) {
  std::unique_ptr<ZSTD_CCtx, WriterDeleter> context(ZSTD_createCCtx());
  if (!context || ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level)) ||
      ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1))) {
    return fail(ErrorKind::system, "cannot start compressing with zstd");
  }
  return std::make_unique<ZstdSink>(std::move(context), next);
}

}  // namespace ecrin
