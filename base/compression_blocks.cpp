// The sink that cuts its input into blocks and has them compressed side by side.
#include <algorithm>
#include <chrono>
#include <deque>
#include <future>
#include <optional>

#include "base/compression_internal.hpp"
#include "base/thread_pool.hpp"

namespace ecrin {
namespace {

using Last = BlockFormat::Last;

// Blocks that wait for a thread or for their turn, beside those that threads work on: with none, a thread
// whose block was easy idles until that of another is done and the next one has been read. Large blocks
// (zstd's) have none: memory is bounded.
constexpr std::size_t k_waiting_bytes = 4u << 20;

std::size_t most_blocks(std::size_t threads, std::size_t block_size) {
  return threads + std::min(threads, k_waiting_bytes / block_size);
}

struct Block {
  std::string before;  // what the block may refer back to
  std::string bytes;
};

class BlockSink final : public Sink {
public:
  BlockSink(std::shared_ptr<const BlockFormat> format, Sink& next, std::size_t threads)
      : m_format(std::move(format)),
        m_next(next),
        m_threads(threads),
        m_most_running(most_blocks(threads, m_format->block_size())) {}

  Result<> write(std::span<const std::byte> bytes) override {
    const std::size_t block_size = m_format->block_size();
    while (!bytes.empty()) {
      // Only here, so that the last block is known as such and never empty behind others.
      if (m_block.bytes.size() == block_size) TRY(hand_over(Last::no));
      // At once: growing by and by would copy the block several times.
      if (m_started && m_block.bytes.empty()) m_block.bytes.reserve(block_size);
      const std::size_t size = std::min(block_size - m_block.bytes.size(), bytes.size());
      m_block.bytes.append(reinterpret_cast<const char*>(bytes.data()), size);
      bytes = bytes.subspan(size);
    }
    return {};
  }

  Result<> finish() override {
    TRY(hand_over(Last::yes));
    while (!m_running.empty()) TRY(write_first());
    TRY(put(m_format->trailer(m_checksum, m_size)));
    return m_next.finish();
  }

private:
  struct Running {
    std::size_t size = 0;  // of the plain bytes
    std::future<Result<PackedBlock>> packed;
  };

  Result<> put(const std::string& bytes) {
    if (bytes.empty()) return {};
    return m_next.write(as_bytes(bytes));
  }

  // Has the block compressed and begins the next one.
  Result<> hand_over(Last last) {
    if (!m_started) TRY(put(m_format->header()));
    m_started = true;
    Block block = std::exchange(m_block, {});
    const std::size_t window = std::min(m_format->window_size(), block.bytes.size());
    m_block.before = block.bytes.substr(block.bytes.size() - window);
    if (m_threads <= 1 || (last == Last::yes && !m_pool)) {
      const PackedBlock packed = TRY(m_format->pack(block.before, block.bytes, last));
      return put_packed(packed, block.bytes.size());
    }
    if (!m_pool) m_pool.emplace(m_threads);
    // With the one that is being filled that is the bound.
    while (m_running.size() >= m_most_running) TRY(write_first());
    const std::size_t size = block.bytes.size();
    m_running.push_back({size, m_pool->submit([format = m_format, block = std::move(block), last]() mutable {
                           // What stays until its turn comes is the packed block only.
                           const Block mine = std::move(block);
                           return format->pack(mine.before, mine.bytes, last);
                         })});
    // The disk and the next hash have what is ready while the others are at work.
    while (!m_running.empty() && is_ready(m_running.front())) TRY(write_first());
    return {};
  }

  static bool is_ready(const Running& running) {
    return running.packed.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  Result<> write_first() {
    Running first = std::move(m_running.front());
    m_running.pop_front();
    const PackedBlock packed = TRY(first.packed.get());
    return put_packed(packed, first.size);
  }

  Result<> put_packed(const PackedBlock& packed, std::size_t size) {
    m_checksum = m_size == 0 ? packed.checksum : m_format->combine(m_checksum, packed.checksum, size);
    m_size += size;
    return put(packed.bytes);
  }

  std::shared_ptr<const BlockFormat> m_format;
  Sink& m_next;
  std::size_t m_threads;
  std::size_t m_most_running;
  Block m_block;
  bool m_started = false;
  std::uint32_t m_checksum = 0;
  std::uint64_t m_size = 0;
  std::deque<Running> m_running;
  std::optional<ThreadPool> m_pool;  // its destructor waits for what runs
};

}  // namespace

Result<std::unique_ptr<Sink>> make_block_sink(std::shared_ptr<const BlockFormat> format, Sink& next,
                                              std::size_t threads) {
  return std::make_unique<BlockSink>(std::move(format), next, threads);
}

}  // namespace ecrin
