// bzip2, read only: archives of others.
#include <bzlib.h>

#include <algorithm>
#include <vector>

#include "base/compression_internal.hpp"

namespace ecrin {
namespace {

class Bzip2Source final : public Source {
public:
  explicit Bzip2Source(std::unique_ptr<Source> source)
      : m_source(std::move(source)), m_buffer(k_compression_block) {}
  ~Bzip2Source() override { close(); }
  Bzip2Source(const Bzip2Source&) = delete;
  Bzip2Source& operator=(const Bzip2Source&) = delete;

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    if (m_ended || buffer.empty()) return 0u;
    const auto wanted = static_cast<unsigned>(std::min<std::size_t>(buffer.size(), 1u << 30));
    m_stream.next_out = reinterpret_cast<char*>(buffer.data());
    m_stream.avail_out = wanted;
    while (m_stream.avail_out == wanted) {
      if (m_stream.avail_in == 0) {
        const std::size_t count = TRY(m_source->read(m_buffer));
        if (count == 0) {
          if (m_open || !m_any) return fail(ErrorKind::invalid, "the bzip2 stream is truncated");
          m_ended = true;
          return 0u;
        }
        m_stream.next_in = reinterpret_cast<char*>(m_buffer.data());
        m_stream.avail_in = static_cast<unsigned>(count);
      }
      // Several streams in one file are one, as the bzip2 program takes them.
      if (!m_open) TRY(open());
      const int result = BZ2_bzDecompress(&m_stream);
      if (result == BZ_STREAM_END) {
        close();
        m_any = true;
      } else if (result == BZ_MEM_ERROR) {
        return fail(ErrorKind::system, "there is not enough memory for the bzip2 stream");
      } else if (result != BZ_OK) {
        const bool is_garbage = m_any && result == BZ_DATA_ERROR_MAGIC;
        return fail(ErrorKind::invalid, "{}",
                    is_garbage ? "there is garbage after the bzip2 stream" : "the bzip2 stream is damaged");
      }
    }
    return wanted - m_stream.avail_out;
  }

private:
  Result<> open() {
    if (BZ2_bzDecompressInit(&m_stream, 0, 0) != BZ_OK)
      return fail(ErrorKind::system, "cannot start the bzip2 decompressor");
    m_open = true;
    return {};
  }
  void close() {
    if (m_open) BZ2_bzDecompressEnd(&m_stream);
    m_open = false;
  }

  std::unique_ptr<Source> m_source;
  std::vector<std::byte> m_buffer;
  bz_stream m_stream = {};
  bool m_open = false;
  bool m_any = false;  // a whole stream was read
  bool m_ended = false;
};

}  // namespace

Result<std::unique_ptr<Source>> make_bzip2_source(std::unique_ptr<Source> source) {
  return std::make_unique<Bzip2Source>(std::move(source));
}

}  // namespace ecrin
