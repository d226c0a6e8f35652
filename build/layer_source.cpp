#include "build/layer_source.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/cancel.hpp"
#include "fs/changeset.hpp"

namespace ecrin::build {

namespace {

constexpr std::size_t k_block_size = 256 * 1024;
constexpr std::size_t k_blocks_ahead = 4;

class LayerSource final : public Source, private Sink {
public:
  explicit LayerSource(Fd layer) : m_layer(std::move(layer)), m_thread([this] { produce(); }) {}
  ~LayerSource() override {
    {
      const std::scoped_lock lock(m_mutex);
      m_abandoned.cancel();
    }
    m_changed.notify_all();
    m_thread.join();
  }

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return !m_blocks.empty() || m_ended; });
    if (m_blocks.empty()) {
      if (m_error) return std::unexpected(*m_error);
      return std::size_t{0};
    }
    const std::string& block = m_blocks.front();
    const std::size_t size = std::min(buffer.size(), block.size() - m_position);
    std::memcpy(buffer.data(), block.data() + m_position, size);
    m_position += size;
    if (m_position == block.size()) {
      m_blocks.pop_front();
      m_position = 0;
      m_changed.notify_all();
    }
    return size;
  }

private:
  void produce() {
    BufferedSink buffered(*this, k_block_size);
    auto result = fs::write_layer(m_layer, buffered, &m_abandoned);
    if (result) result = buffered.finish();
    const std::scoped_lock lock(m_mutex);
    if (!result) m_error = std::move(result).error();
    m_ended = true;
    m_changed.notify_all();
  }

  Result<> write(std::span<const std::byte> bytes) override {
    if (bytes.empty()) return {};
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return m_blocks.size() < k_blocks_ahead || m_abandoned.cancelled(); });
    TRY(m_abandoned.check());
    m_blocks.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    m_changed.notify_all();
    return {};
  }

  Fd m_layer;
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::deque<std::string> m_blocks;
  std::size_t m_position = 0;
  bool m_ended = false;
  std::optional<Error> m_error;
  CancelToken m_abandoned;
  std::thread m_thread;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Source> layer_source(Fd layer) {
  return std::make_unique<LayerSource>(std::move(layer));
}

}  // namespace ecrin::build
