// What a caller's thread and the loop's thread share about one exchange: two bounded buffers and the state.
// Internal to http.cpp and http_loop.cpp. No member calls out while it holds the lock.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "oci/registry/http.hpp"

namespace ecrin::oci {

/// A ring of bytes of fixed capacity; its memory comes with the first byte.
class ByteRing {
public:
  explicit ByteRing(std::size_t capacity) : m_capacity(capacity) {}
  std::size_t size() const { return m_size; }
  std::size_t space() const { return m_capacity - m_size; }
  void push(std::span<const std::byte> bytes);  // at most space()
  std::size_t pop(std::span<std::byte> buffer);
  std::size_t peek(std::span<std::byte> buffer) const;

private:
  std::size_t m_capacity;
  std::unique_ptr<std::byte[]> m_bytes;
  std::size_t m_start = 0;
  std::size_t m_size = 0;
};

class Exchange {
public:
  enum class Body { none, follows };
  explicit Exchange(Body body) : m_sent_all(body == Body::none) {}

  // ---- for the loop ----

  enum class Taken { all, nothing, ended };
  /// Bytes of the response: all of them or nothing (the caller has to read first). `ended`: nobody wants
  /// them any more.
  Taken take(std::span<const std::byte> bytes);
  struct Given {
    std::size_t size = 0;  // 0 and not the end: the caller's source has to bring more first
    bool end = false;
    bool stopped = false;  // the server has answered without wanting it
  };
  /// Bytes of the request's body.
  Given give(std::span<std::byte> buffer);
  void set_response(int status, std::vector<HttpHeader> headers);
  /// The last call; none = all is here.
  void finish(std::optional<Error> error);
  /// Nobody reads the response any more: what still comes is dropped.
  void abandon();
  bool abandoned() const;
  bool has_response() const;
  /// Is it the caller who has to do something next? Such time is no stall.
  bool waits_for_caller() const;

  // ---- for the caller ----

  enum class Progress { response, space, nothing };
  /// Waits until there is a response that ends the sending, until there is space for more of the body, or
  /// (nothing) for a short time. The error that the exchange ended with.
  Result<Progress> wait();
  std::size_t space() const;
  /// Hands over a part of the body. True: the loop waits for it and has to be told.
  bool put(std::span<const std::byte> bytes);
  bool put_end();
  HttpResponse take_response();
  struct Read {
    std::size_t size = 0;
    bool end = false;     // size 0 and not the end: nothing came for a short time
    bool resume = false;  // the loop waits for space and has to be told
  };
  Result<Read> read(std::span<std::byte> buffer);
  /// The first bytes of the response's body, when all of it is here or the buffer is full within a second.
  std::string peek(std::size_t size);

private:
  bool sending_is_over() const { return m_sent_all || (m_has_response && m_status >= 300); }

  mutable std::mutex m_mutex;
  std::condition_variable m_changed;
  ByteRing m_incoming{512 * 1024};
  ByteRing m_outgoing{256 * 1024};
  int m_status = 0;
  std::vector<HttpHeader> m_headers;
  bool m_has_response = false;
  bool m_finished = false;
  bool m_abandoned = false;
  bool m_outgoing_end = false;
  bool m_sent_all;
  bool m_receiving_paused = false;
  bool m_sending_paused = false;
  std::size_t m_dropped = 0;
  std::optional<Error> m_error;
};

}  // namespace ecrin::oci
