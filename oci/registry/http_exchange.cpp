#include "oci/registry/http_exchange.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace ecrin::oci {
namespace {

// CancelToken cannot wake anybody up: waiting callers look at it this often.
constexpr auto k_look_up = std::chrono::milliseconds(50);
// So much of a response that nobody wants is read, so that its connection can be used again.
constexpr std::size_t k_dropped_limit = 64 * 1024;

}  // namespace

void ByteRing::push(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (!m_bytes) m_bytes = std::make_unique_for_overwrite<std::byte[]>(m_capacity);
  const std::size_t end = (m_start + m_size) % m_capacity;
  const std::size_t first = std::min(bytes.size(), m_capacity - end);
  std::memcpy(m_bytes.get() + end, bytes.data(), first);
  std::memcpy(m_bytes.get(), bytes.data() + first, bytes.size() - first);
  m_size += bytes.size();
}

std::size_t ByteRing::peek(std::span<std::byte> buffer) const {
  const std::size_t size = std::min(buffer.size(), m_size);
  if (size == 0) return 0;
  const std::size_t first = std::min(size, m_capacity - m_start);
  std::memcpy(buffer.data(), m_bytes.get() + m_start, first);
  std::memcpy(buffer.data() + first, m_bytes.get(), size - first);
  return size;
}

std::size_t ByteRing::pop(std::span<std::byte> buffer) {
  const std::size_t size = peek(buffer);
  m_start = (m_start + size) % m_capacity;
  m_size -= size;
  return size;
}

Exchange::Taken Exchange::take(std::span<const std::byte> bytes) {
  const std::lock_guard lock(m_mutex);
  if (m_abandoned) {
    m_dropped += bytes.size();
    return m_dropped > k_dropped_limit ? Taken::ended : Taken::all;
  }
  if (!m_has_response) return Taken::all;  // the text of an answer that is not the last one
  if (bytes.size() > m_incoming.space()) {
    m_receiving_paused = true;
    return Taken::nothing;
  }
  m_incoming.push(bytes);
  m_changed.notify_all();
  return Taken::all;
}

Exchange::Given Exchange::give(std::span<std::byte> buffer) {
  const std::lock_guard lock(m_mutex);
  if (!m_sent_all && sending_is_over()) return {.size = 0, .end = false, .stopped = true};
  const std::size_t size = m_outgoing.pop(buffer);
  if (m_outgoing_end && m_outgoing.size() == 0) m_sent_all = true;
  if (size > 0 || m_sent_all) {
    m_changed.notify_all();
    return {.size = size, .end = size == 0, .stopped = false};
  }
  m_sending_paused = true;
  return {};
}

void Exchange::set_response(int status, std::vector<HttpHeader> headers) {
  const std::lock_guard lock(m_mutex);
  m_status = status;
  m_headers = std::move(headers);
  m_has_response = true;
  m_changed.notify_all();
}

void Exchange::finish(std::optional<Error> error) {
  const std::lock_guard lock(m_mutex);
  if (m_finished) return;
  m_finished = true;
  m_error = std::move(error);
  m_changed.notify_all();
}

void Exchange::abandon() {
  const std::lock_guard lock(m_mutex);
  m_abandoned = true;
}

bool Exchange::abandoned() const {
  const std::lock_guard lock(m_mutex);
  return m_abandoned;
}

bool Exchange::has_response() const {
  const std::lock_guard lock(m_mutex);
  return m_has_response;
}

bool Exchange::waits_for_caller() const {
  const std::lock_guard lock(m_mutex);
  if (m_abandoned) return false;
  return m_receiving_paused || (m_sending_paused && !sending_is_over());
}

Result<Exchange::Progress> Exchange::wait() {
  std::unique_lock lock(m_mutex);
  const auto response = [this] { return m_has_response && (sending_is_over() || m_finished); };
  const auto wants_body = [this] { return !m_outgoing_end && !sending_is_over() && m_outgoing.space() > 0; };
  m_changed.wait_for(lock, k_look_up, [&] { return response() || m_finished || wants_body(); });
  if (response()) return Progress::response;
  if (m_finished && m_error) return std::unexpected(*m_error);
  return wants_body() ? Progress::space : Progress::nothing;
}

std::size_t Exchange::space() const {
  const std::lock_guard lock(m_mutex);
  return m_outgoing.space();
}

bool Exchange::put(std::span<const std::byte> bytes) {
  const std::lock_guard lock(m_mutex);
  m_outgoing.push(bytes);
  return std::exchange(m_sending_paused, false);
}

bool Exchange::put_end() {
  const std::lock_guard lock(m_mutex);
  m_outgoing_end = true;
  // A body whose size is known is not asked for its end.
  if (m_outgoing.size() == 0) m_sent_all = true;
  return std::exchange(m_sending_paused, false);
}

HttpResponse Exchange::take_response() {
  const std::lock_guard lock(m_mutex);
  return {.status = m_status, .headers = std::move(m_headers), .body = nullptr};
}

Result<Exchange::Read> Exchange::read(std::span<std::byte> buffer) {
  std::unique_lock lock(m_mutex);
  m_changed.wait_for(lock, k_look_up, [this] { return m_incoming.size() > 0 || m_finished; });
  const std::size_t size = m_incoming.pop(buffer);
  if (size == 0 && m_finished) {
    if (m_error) return std::unexpected(*m_error);
    return Read{.size = 0, .end = true, .resume = false};
  }
  // Not at each read: going to and fro costs more than the copying.
  const bool resume = m_receiving_paused && m_incoming.size() <= m_incoming.space();
  if (resume) m_receiving_paused = false;
  return Read{.size = size, .end = false, .resume = resume};
}

std::string Exchange::peek(std::size_t size) {
  std::unique_lock lock(m_mutex);
  m_changed.wait_for(lock, std::chrono::seconds(1),
                     [&] { return m_finished || m_receiving_paused || m_incoming.size() >= size; });
  std::string text(std::min(size, m_incoming.size()), '\0');
  m_incoming.peek(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace ecrin::oci
