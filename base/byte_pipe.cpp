#include "base/byte_pipe.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace ecrin {

namespace {
constexpr std::size_t k_block_size = 128 * 1024;
constexpr std::size_t k_blocks = 4;  // 512 KiB under way at most: a pull has two pipes for each layer
}  // namespace

class BytePipeState {
public:
  Result<> write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      std::vector<std::byte> block = TRY(free_block());
      const std::size_t size = std::min(bytes.size(), k_block_size - block.size());
      block.insert(block.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      bytes = bytes.subspan(size);
      if (block.size() == k_block_size)
        push(std::move(block));
      else
        m_filling = std::move(block);
    }
    return {};
  }

  void end(std::optional<Error> error) {
    if (!m_filling.empty()) push(std::move(m_filling));
    const std::scoped_lock lock(m_mutex);
    if (m_ended) return;
    m_ended = true;
    m_error = std::move(error);
    m_changed.notify_all();
  }

  Result<std::size_t> read(std::span<std::byte> buffer) {
    if (buffer.empty()) return 0u;
    if (m_position == m_reading.size() && !next_block()) {
      if (m_error) return std::unexpected(*m_error);
      return 0u;
    }
    const std::size_t size = std::min(buffer.size(), m_reading.size() - m_position);
    std::memcpy(buffer.data(), m_reading.data() + m_position, size);
    m_position += size;
    return size;
  }

  void abandon() {
    const std::scoped_lock lock(m_mutex);
    m_abandoned = true;
    m_changed.notify_all();
  }

private:
  // Blocks are used again: what was read becomes what is written next.
  Result<std::vector<std::byte>> free_block() {
    if (!m_filling.empty()) return std::move(m_filling);
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return m_full.size() < k_blocks || m_abandoned; });
    if (m_abandoned) return fail(ErrorKind::cancelled, "nobody reads what is written");
    std::vector<std::byte> block;
    if (!m_free.empty()) {
      block = std::move(m_free.back());
      m_free.pop_back();
    }
    block.clear();
    block.reserve(k_block_size);
    return block;
  }

  void push(std::vector<std::byte> block) {
    const std::scoped_lock lock(m_mutex);
    m_full.push_back(std::move(block));
    m_changed.notify_all();
  }

  bool next_block() {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return !m_full.empty() || m_ended; });
    if (m_reading.capacity() > 0) m_free.push_back(std::move(m_reading));
    m_reading.clear();
    m_position = 0;
    if (m_full.empty()) return false;
    m_reading = std::move(m_full.front());
    m_full.pop_front();
    m_changed.notify_all();
    return true;
  }

  std::vector<std::byte> m_filling;  // the writer's own
  std::vector<std::byte> m_reading;  // the reader's own, as is the position in it
  std::size_t m_position = 0;
  std::mutex m_mutex;  // guards what follows
  std::condition_variable m_changed;
  std::deque<std::vector<std::byte>> m_full;
  std::vector<std::vector<std::byte>> m_free;
  bool m_ended = false;
  bool m_abandoned = false;
  std::optional<Error> m_error;
};

namespace {

class BytePipeReader final : public Source {
public:
  explicit BytePipeReader(std::shared_ptr<BytePipeState> state) : m_state(std::move(state)) {}
  BytePipeReader(const BytePipeReader&) = delete;
  BytePipeReader& operator=(const BytePipeReader&) = delete;
  ~BytePipeReader() override { m_state->abandon(); }
  Result<std::size_t> read(std::span<std::byte> buffer) override { return m_state->read(buffer); }

private:
  std::shared_ptr<BytePipeState> m_state;
};

class BackgroundSource final : public Source {
public:
  explicit BackgroundSource(Producer producer) : m_pipe(BytePipe::create()) {
    m_thread = std::thread([this, make = std::move(producer)]() mutable {
      Result<> made = make(*m_pipe.writer, m_abandoned);
      if (made) made = m_pipe.writer->finish();
      if (!made) m_pipe.writer->fail_with(std::move(made).error());
    });
  }
  BackgroundSource(const BackgroundSource&) = delete;
  BackgroundSource& operator=(const BackgroundSource&) = delete;
  ~BackgroundSource() override {
    m_abandoned.cancel();
    m_pipe.reader.reset();
    m_thread.join();
  }
  Result<std::size_t> read(std::span<std::byte> buffer) override { return m_pipe.reader->read(buffer); }

private:
  BytePipe m_pipe;
  CancelToken m_abandoned;
  std::thread m_thread;
};

}  // namespace

BytePipeWriter::BytePipeWriter(std::shared_ptr<BytePipeState> state) : m_state(std::move(state)) {}

BytePipeWriter::~BytePipeWriter() {
  m_state->end(Error(ErrorKind::cancelled, "the stream was given up before its end"));
}

Result<> BytePipeWriter::write(std::span<const std::byte> bytes) {
  return m_state->write(bytes);
}

Result<> BytePipeWriter::finish() {
  m_state->end(std::nullopt);
  return {};
}

void BytePipeWriter::fail_with(Error error) {
  m_state->end(std::move(error));
}

BytePipe BytePipe::create() {
  auto state = std::make_shared<BytePipeState>();
  return {.writer = std::make_unique<BytePipeWriter>(state),
          .reader = std::make_unique<BytePipeReader>(state)};
}

std::unique_ptr<Source> background_source(Producer producer) {
  return std::make_unique<BackgroundSource>(std::move(producer));
}

std::unique_ptr<Source> read_ahead(std::unique_ptr<Source> source) {
  return background_source([from = std::move(source)](Sink& sink, const CancelToken& abandoned) -> Result<> {
    std::vector<std::byte> buffer(k_block_size);
    for (;;) {
      TRY(abandoned.check());
      const std::size_t size = TRY(from->read(buffer));
      if (size == 0) return {};
      TRY(sink.write(std::span<const std::byte>(buffer).first(size)));
    }
  });
}

}  // namespace ecrin
