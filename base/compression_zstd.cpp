// zstd, with checksums.
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

// A frame for each block, with the size of its content and a checksum. The decoder forgets everything between
// frames, so blocks are large: four windows of the default level.
class ZstdFormat final : public BlockFormat {
public:
  explicit ZstdFormat(int level) : m_level(level) {}

  // The high levels find repetitions further away (27 for 128 MiB), but what a reader needs is bounded.
  std::size_t block_size() const override { return m_level <= 12 ? 8u << 20 : 32u << 20; }
  std::size_t window_size() const override { return 0; }
  std::string header() const override { return ""; }

  Result<PackedBlock> pack(std::string_view, std::string_view block, Last) const override {
    const std::unique_ptr<ZSTD_CCtx, WriterDeleter> context(ZSTD_createCCtx());
    if (!context || ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, m_level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1)))
      return fail(ErrorKind::system, "cannot start compressing with zstd");
    PackedBlock packed;
    // The bound is more than the block: what is not written takes no memory this way.
    std::size_t size = 0;
    packed.bytes.resize_and_overwrite(
        ZSTD_compressBound(block.size()), [&](char* bytes, std::size_t capacity) {
          size = ZSTD_compress2(context.get(), bytes, capacity, block.data(), block.size());
          return ZSTD_isError(size) ? 0 : size;
        });
    if (ZSTD_isError(size))
      return fail(ErrorKind::system, "cannot compress with zstd: {}", ZSTD_getErrorName(size));
    return packed;
  }

  std::uint32_t combine(std::uint32_t, std::uint32_t, std::uint64_t) const override { return 0; }
  std::string trailer(std::uint32_t, std::uint64_t) const override { return ""; }

private:
  int m_level;
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

std::shared_ptr<const BlockFormat> make_zstd_format(int level) {
  return std::make_shared<ZstdFormat>(level);
}

}  // namespace ecrin
