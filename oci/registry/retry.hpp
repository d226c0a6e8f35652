// When a request is worth another try, and how long to wait before it. Pure: the clock, the sleep and the
// random number are passed in.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "base/cancel.hpp"

namespace ecrin::oci {

/// The world around a client, so that tests need not wait.
struct Clock {
  std::function<std::int64_t()> now;  // seconds since 1970
  /// Ends early with ErrorKind::cancelled when the user stops it.
  std::function<Result<>(std::chrono::milliseconds, const CancelToken*)> sleep;
  std::function<double()> random;  // from 0 to 1, without 1; safe from any thread
};
Clock system_clock();

struct RetryPolicy {
  int attempts = 5;  // of one request, the first included
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds longest{16'000};
  std::chrono::seconds longest_retry_after{120};  // a server that wants more is not waited for
};

/// 408, 429 and the 5xx that pass: a full, restarting or overloaded server.
bool is_transient(int status);
/// Of a failed exchange: a connection that broke or was not made. What the user stopped is not tried again.
bool is_transient(const Error& error);

/// Retry-After as seconds from `now` on: a number, or a date of HTTP. Nothing when it cannot be read.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::int64_t now);

/// The wait after `attempts` failed ones, or nothing: give up. Without Retry-After the wait doubles each time
/// and half of it is left to chance, so that many clients do not come back at the same moment.
std::optional<std::chrono::milliseconds> wait_before_retry(const RetryPolicy& policy, int attempts,
                                                           std::optional<std::chrono::seconds> retry_after,
                                                           double random);

}  // namespace ecrin::oci
