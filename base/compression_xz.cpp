// xz, read only: archives of others.
#include <lzma.h>

#include <vector>

#include "base/compression_internal.hpp"

namespace ecrin {
namespace {

// xz -9 needs 65 MiB; a header may ask for much more.
constexpr std::uint64_t k_memory_limit = 256u << 20;

class XzSource final : public Source {
public:
  explicit XzSource(std::unique_ptr<Source> source)
      : m_source(std::move(source)), m_buffer(k_compression_block) {}
  ~XzSource() override { lzma_end(&m_stream); }
  XzSource(const XzSource&) = delete;
  XzSource& operator=(const XzSource&) = delete;

  Result<> open() {
    // Several streams in one file, and padding between them, as the xz program takes them.
    if (lzma_stream_decoder(&m_stream, k_memory_limit, LZMA_CONCATENATED) != LZMA_OK)
      return fail(ErrorKind::system, "cannot start the xz decompressor");
    return {};
  }

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (m_ended || buffer.empty()) return 0u;
    m_stream.next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
    m_stream.avail_out = buffer.size();
    while (m_stream.avail_out == buffer.size()) {
      if (m_stream.avail_in == 0 && m_action == LZMA_RUN) {
        const std::size_t count = TRY(m_source->read(m_buffer));
        m_stream.next_in = reinterpret_cast<const std::uint8_t*>(m_buffer.data());
        m_stream.avail_in = count;
        if (count == 0) m_action = LZMA_FINISH;
      }
      const lzma_ret result = lzma_code(&m_stream, m_action);
      if (result == LZMA_STREAM_END) {
        m_ended = true;
        break;
      }
      if (result != LZMA_OK) return std::unexpected(describe(result));
    }
    return buffer.size() - m_stream.avail_out;
  }

private:
  static Error describe(lzma_ret result) {
    switch (result) {
      case LZMA_MEMLIMIT_ERROR:
        return Error(ErrorKind::limit,
                     fmt::format("the xz stream needs more than {} MiB of memory", k_memory_limit >> 20));
      case LZMA_BUF_ERROR:
        return Error(ErrorKind::invalid, "the xz stream is truncated");
      case LZMA_MEM_ERROR:
        return Error(ErrorKind::system, "there is not enough memory for the xz stream");
      default:
        return Error(ErrorKind::invalid, "the xz stream is damaged");
    }
  }

  std::unique_ptr<Source> m_source;
  std::vector<std::byte> m_buffer;
  lzma_stream m_stream = LZMA_STREAM_INIT;
  lzma_action m_action = LZMA_RUN;
  bool m_ended = false;
};

}  // namespace

Result<std::unique_ptr<Source>> make_xz_source(std::unique_ptr<Source> source) {
  auto reader = std::make_unique<XzSource>(std::move(source));
  TRY(reader->open());
  return reader;
}

}  // namespace ecrin
